// A function's source needs these two value types and nothing else of the HTTP packages.
@_exported import struct HTTPTypes.HTTPField
@_exported import struct HTTPTypes.HTTPFields
