import Foundation
import HTTPTransport

/// What the object storage refused, and why.
public struct S3Error: Error, Sendable, Equatable {
    /// The HTTP status.
    public var status: Int
    /// S3's code such as `NoSuchKey`; made from the status where the answer has none, as for HEAD.
    public var code: String
    /// The server's words.
    public var message: String
    /// The bucket asked for.
    public var bucket: String?
    /// The key asked for.
    public var key: String?
    /// The server's id of the request, for its logs.
    public var requestID: String?

    /// An error, made by the client from an answer, or by a double in a test.
    public init(
        status: Int, code: String, message: String = "", bucket: String? = nil, key: String? = nil,
        requestID: String? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.bucket = bucket
        self.key = key
        self.requestID = requestID
    }

    /// Whether it says that the object, bucket or upload does not exist.
    public var isNotFound: Bool { status == 404 }

    /// Whether there is no room for the object: reading and removing still work.
    public var isStorageFull: Bool { status == 507 || code == "XMinioStorageFull" }

    /// Whether the same request may well succeed a little later.
    public var isTransient: Bool {
        [500, 502, 503, 504, 429].contains(status)
            || ["SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"].contains(code)
    }

    init(status: Int, body: Data, bucket: String?, key: String?, headers: HTTPHeaders) {
        let document = try? XMLTree(parsing: body)
        self.init(
            status: status, code: document?.text("Code") ?? Self.code(for: status),
            message: document?.text("Message") ?? "", bucket: bucket, key: key,
            requestID: document?.text("RequestId") ?? headers["x-amz-request-id"])
    }

    private static func code(for status: Int) -> String {
        switch status {
        case 301, 307: "PermanentRedirect"
        case 400: "BadRequest"
        case 403: "AccessDenied"
        case 404: "NotFound"
        case 409: "Conflict"
        case 412: "PreconditionFailed"
        case 416: "InvalidRange"
        case 429, 503: "SlowDown"
        default: "InternalError"
        }
    }
}

extension S3Error: CustomStringConvertible {
    /// A sentence that says what happened and, where it helps, what to do.
    public var description: String {
        let place = [bucket, key].compactMap { $0 }.joined(separator: "/")
        let object = place.isEmpty ? "the object storage" : "“\(place)”"
        return switch code {
        case "NoSuchKey",
            "NotFound" where key != nil:
            "There is no object \(object)."
        case "NoSuchBucket", "NotFound":
            "There is no bucket “\(bucket ?? "")”: create it, or check the bucket's name in the configuration."
        case "InvalidAccessKeyId":
            "The object storage does not know the access key: check S3_ACCESS_KEY."
        case "SignatureDoesNotMatch":
            "The object storage does not accept the signature: check S3_SECRET_KEY and S3_REGION."
        case "RequestTimeTooSkewed":
            "This machine's clock and the object storage's differ by more than 15 minutes: set the clock."
        case "AccessDenied":
            "The object storage denies access to \(object): \(message.isEmpty ? "no reason given" : message)"
        default:
            "The object storage answered \(status) \(code) for \(object)\(message.isEmpty ? "." : ": \(message)")"
        }
    }
}
