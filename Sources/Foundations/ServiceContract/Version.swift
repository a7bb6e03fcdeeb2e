import COpenAPI

/// The version of this service: what `msaas --version` prints and `GET /` says. The headings of `CHANGELOG.md` follow it.
public let serviceVersion = "0.2.0"

/// What describes the service to programs.
public enum ServiceDescription {
    /// `openapi.yaml` (OpenAPI 3.1): every path, parameter, body, status and kind of problem. The host serves it.
    public static var openAPI: [UInt8] {
        var length: UInt = 0
        let bytes = openapi_document(&length)
        return Array(UnsafeBufferPointer(start: bytes, count: Int(length)))
    }
}
