public import Foundation
import HTTPTransport
public import Streams

/// What is known of an object without reading it.
public struct ObjectHead: Sendable, Equatable {
    /// The whole object's size in bytes, also when only a range was asked for.
    public var size: Int
    /// The entity tag without quotes: the MD5 in hex, or `…-N` after a multipart upload in N parts.
    public var eTag: String
    /// The media type.
    public var contentType: String?
    /// When it was stored.
    public var lastModified: Date?
    /// User metadata; lower-case names without `x-amz-meta-`.
    public var metadata: [String: String]
    /// The version, where the bucket has versions.
    public var versionID: String?
    /// Whether the server encrypts it with a key of a key service (SSE-KMS) or of a client, so that its entity tag is no digest of its
    /// bytes.
    public var isEncrypted: Bool
    /// The bytes that the answer carries; the whole object unless a range was asked for.
    public var range: Range<Int>

    init(_ headers: HTTPHeaders) {
        let length = headers["Content-Length"].flatMap { Int($0) } ?? 0
        range = 0..<max(0, length)
        size = length
        // Content-Range: bytes 100-199/503
        if let parts = headers["Content-Range"]?.split(whereSeparator: { " -/".contains($0) }), parts.count == 4,
            let first = Int(parts[1]), let last = Int(parts[2]), let total = Int(parts[3]), first >= 0, first <= last,
            last < total
        {
            range = first..<last + 1
            size = total
        }
        eTag = headers["ETag"]?.unquoted ?? ""
        contentType = headers["Content-Type"]
        lastModified = headers["Last-Modified"].flatMap { Timestamp.parse(http: $0) }
        versionID = headers["x-amz-version-id"]
        isEncrypted =
            headers["x-amz-server-side-encryption"]?.hasPrefix("aws:kms") ?? false
            || headers["x-amz-server-side-encryption-customer-algorithm"] != nil
        metadata = [:]
        for field in headers {
            let name = field.name.lowercased()
            if name.hasPrefix("x-amz-meta-") { metadata[String(name.dropFirst(11))] = field.value }
        }
    }
}

/// An object while it is read.
public struct S3Object: Sendable {
    /// What it is.
    public var head: ObjectHead
    /// Its bytes, or those of the range asked for. When the connection breaks in the middle, reading goes on from there.
    public var body: ByteStream
}

/// What is left of a stored object.
public struct PutResult: Sendable, Equatable {
    /// The entity tag without quotes.
    public var eTag: String
    /// The number of bytes stored.
    public var size: Int

    /// A result, made by the client or by a double in a test.
    public init(eTag: String, size: Int) {
        self.eTag = eTag
        self.size = size
    }
}

/// Which bytes of an object to read.
public enum ByteRange: Sendable, Equatable {
    /// From the lower bound up to and without the upper bound.
    case bytes(Range<Int>)
    /// From a position to the end.
    case from(Int)
    /// The last bytes.
    case last(Int)

    /// As in the `Range` field.
    var header: String {
        switch self {
        case .bytes(let range): "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        case .from(let start): "bytes=\(start)-"
        case .last(let count): "bytes=-\(count)"
        }
    }
}

/// One object in a listing.
public struct ObjectSummary: Sendable, Equatable {
    /// Its key.
    public var key: String
    /// Its size in bytes.
    public var size: Int
    /// Its entity tag without quotes.
    public var eTag: String
    /// When it was stored.
    public var lastModified: Date?

    /// An entry, made by the client or by a double in a test.
    public init(key: String, size: Int, eTag: String, lastModified: Date?) {
        self.key = key
        self.size = size
        self.eTag = eTag
        self.lastModified = lastModified
    }
}

/// A part of a listing.
public struct ListPage: Sendable, Equatable {
    /// The objects, in the order of their keys' UTF-8.
    public var objects: [ObjectSummary]
    /// With a delimiter: what keys share up to it.
    public var commonPrefixes: [String]
    /// Where the next page starts; `nil` on the last one.
    public var continuation: String?
}

/// Tells a bucket to report events to a queue; MinIO's webhooks are queues to S3.
public struct QueueConfiguration: Sendable, Equatable {
    /// A name for this entry.
    public var id: String
    /// The target, as `arn:minio:sqs::separate:webhook`.
    public var arn: String
    /// Events such as `s3:ObjectCreated:*`.
    public var events: [String]
    /// Only keys that begin so.
    public var prefix: String?
    /// Only keys that end so.
    public var suffix: String?

    /// An entry.
    public init(id: String, arn: String, events: [String], prefix: String? = nil, suffix: String? = nil) {
        self.id = id
        self.arn = arn
        self.events = events
        self.prefix = prefix
        self.suffix = suffix
    }
}

extension String {
    /// Without the quotes of an entity tag.
    package var unquoted: String {
        hasPrefix("\"") && hasSuffix("\"") && count >= 2 ? String(dropFirst().dropLast()) : self
    }
}
