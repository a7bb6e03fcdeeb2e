import Digests
import Encodings
package import Foundation
import HTTPTransport

/// AWS Signature Version 4 for S3 ("Authenticating Requests" in the Amazon S3 API reference).
///
/// The client signs with it; the embedded storage server recomputes signatures with the same functions.
public enum SignatureV4 {
    /// The name of the scheme.
    public static let algorithm = "AWS4-HMAC-SHA256"
    /// Stands for the body's digest where the body is not signed.
    public static let unsignedPayload = "UNSIGNED-PAYLOAD"
    /// The same for a body in chunks that are not signed either, with a checksum behind them.
    package static let unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    /// The SHA-256 of no bytes.
    public static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    /// What a signature is valid for: a day, a region, and the service.
    package struct Scope: Sendable, Equatable {
        /// `20130524`
        package var day: String
        package var region: String
        package var service: String

        package init(day: String, region: String, service: String = "s3") {
            self.day = day
            self.region = region
            self.service = service
        }

        package var text: String { "\(day)/\(region)/\(service)/aws4_request" }
    }

    /// The request in the form that is signed.
    package struct CanonicalRequest: Sendable {
        package var method: String
        /// Percent-encoded once, slashes kept.
        package var path: String
        /// Names and values, not encoded.
        package var query: [(name: String, value: String)]
        /// Lower-case names, in any order.
        package var headers: [(name: String, value: String)]
        package var payloadHash: String

        package init(
            method: String, path: String, query: [(name: String, value: String)],
            headers: [(name: String, value: String)], payloadHash: String
        ) {
            self.method = method
            self.path = path
            self.query = query
            self.headers = headers.sorted { $0.name < $1.name }
            self.payloadHash = payloadHash
        }

        package var signedHeaders: String { headers.map(\.name).joined(separator: ";") }

        package var text: String {
            let pairs: [(String, String)] = query.map { ($0.name.percentEncoded(), $0.value.percentEncoded()) }
            let sorted = pairs.sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0 < $1.0 }
            let query = sorted.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
            let headers = headers.map { "\($0.name):\($0.value.collapsed)\n" }.joined()
            return "\(method)\n\(path)\n\(query)\n\(headers)\n\(signedHeaders)\n\(payloadHash)"
        }
    }

    /// The key that signs everything of one scope.
    package static func signingKey(secret: String, scope: Scope) -> [UInt8] {
        [scope.day, scope.region, scope.service, "aws4_request"]
            .reduce(Array("AWS4\(secret)".utf8)) { Hash.hmac(key: $0, $1) }
    }

    /// The text that is signed for a request. `time` is in basic form, as in `x-amz-date`.
    package static func stringToSign(_ request: CanonicalRequest, time: String, scope: Scope) -> String {
        "\(algorithm)\n\(time)\n\(scope.text)\n\(request.text.sha256)"
    }

    /// The text that is signed for one chunk of a streamed body.
    package static func stringToSign(
        chunkHash: String, previous signature: String, time: String, scope: Scope
    ) -> String {
        "\(algorithm)-PAYLOAD\n\(time)\n\(scope.text)\n\(signature)\n\(emptyHash)\n\(chunkHash)"
    }

    /// The text that is signed for the trailing header fields of a streamed body.
    package static func stringToSign(
        trailerHash: String, previous signature: String, time: String, scope: Scope
    ) -> String {
        "\(algorithm)-TRAILER\n\(time)\n\(scope.text)\n\(signature)\n\(trailerHash)"
    }

    /// The signature, in hex.
    package static func signature(of text: String, key: [UInt8]) -> String { Hash.hmac(key: key, text).hex }

    /// Adds `x-amz-date`, `x-amz-content-sha256` and `Authorization` to a request's header fields.
    ///
    /// - Parameters:
    ///   - host: the `Host` field that will be sent.
    ///   - path: percent-encoded path.
    ///   - payloadHash: the body's SHA-256 in hex, or ``unsignedPayload``.
    package static func sign(
        _ headers: inout HTTPHeaders, method: String, host: String, path: String,
        query: [(name: String, value: String)], payloadHash: String, credentials: S3Credentials, region: String,
        date: Date
    ) {
        let time = Timestamp.basic(date)
        let scope = Scope(day: String(time.prefix(8)), region: region)
        headers["x-amz-date"] = time
        headers["x-amz-content-sha256"] = payloadHash
        var signed = [(name: "host", value: host)]
        for field in headers where field.name.lowercased() != "user-agent" {
            signed.append((field.name.lowercased(), field.value))
        }
        let request = CanonicalRequest(
            method: method, path: path, query: query, headers: signed, payloadHash: payloadHash)
        let key = signingKey(secret: credentials.secretKey, scope: scope)
        let signature = signature(of: stringToSign(request, time: time, scope: scope), key: key)
        headers["Authorization"] =
            "\(algorithm) Credential=\(credentials.accessKey)/\(scope.text), "
            + "SignedHeaders=\(request.signedHeaders), Signature=\(signature)"
    }

    /// The query of a presigned address, ready to be appended after `?`.
    ///
    /// - Parameter headers: fields that whoever uses the address must send as given, beside `host`.
    package static func presignedQuery(
        method: String, host: String, path: String, query: [(name: String, value: String)],
        headers: [(name: String, value: String)], credentials: S3Credentials, region: String, date: Date, expires: Int
    ) -> String {
        let time = Timestamp.basic(date)
        let scope = Scope(day: String(time.prefix(8)), region: region)
        var request = CanonicalRequest(
            method: method, path: path, query: query,
            headers: headers.map { ($0.name.lowercased(), $0.value) } + [("host", host)], payloadHash: unsignedPayload)
        request.query += [
            ("X-Amz-Algorithm", algorithm), ("X-Amz-Credential", "\(credentials.accessKey)/\(scope.text)"),
            ("X-Amz-Date", time), ("X-Amz-Expires", String(expires)), ("X-Amz-SignedHeaders", request.signedHeaders),
        ]
        let key = signingKey(secret: credentials.secretKey, scope: scope)
        let signature = signature(of: stringToSign(request, time: time, scope: scope), key: key)
        return (request.query + [("X-Amz-Signature", signature)])
            .map { "\($0.name.percentEncoded())=\($0.value.percentEncoded())" }.joined(separator: "&")
    }
}

/// A key pair of the object storage.
public struct S3Credentials: Sendable, Equatable {
    /// The public half.
    public var accessKey: String
    /// The secret half; never logged.
    public var secretKey: String

    /// A key pair.
    public init(accessKey: String, secretKey: String) {
        self.accessKey = accessKey
        self.secretKey = secretKey
    }
}

extension S3Credentials: CustomStringConvertible {
    /// The access key only.
    public var description: String { "S3Credentials(\(accessKey))" }
}

extension String {
    /// Without white space at the ends, and with single spaces within.
    fileprivate var collapsed: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
