import Encodings
import Foundation
import HTTPServer
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTPTypes
import ObjectStorage

/// A request's head, taken apart in S3's way: `/bucket/key?query`.
package struct S3Request: Sendable {
    var method: String
    /// As it was sent, without the query.
    package var rawPath: String
    /// Decoded path.
    package var path: String
    /// Decoded query, in order.
    var query: [(name: String, value: String)]
    /// Header fields with lower-case names.
    var headers: [(name: String, value: String)]
    var host: String
    package var bucket: String?
    package var key: String?
    /// For the answer and the log.
    var id: String
    var remoteAddress: String

    package init(_ head: HTTPRequest, id: String, remoteAddress: String) throws(S3Failure) {
        let target = head.path ?? "/"
        try Self.checkSize(head, target)
        try Self.checkFraming(head)
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        method = head.method.rawValue
        rawPath = String(parts.first ?? "/")
        guard rawPath.utf8.first == UInt8(ascii: "/"), let path = rawPath.percentDecoded() else {
            throw .invalidArgument("The path is not properly percent-encoded UTF-8.")
        }
        self.path = path
        query = []
        for pair in (parts.dropFirst().first ?? "").split(separator: "&") {
            let words = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = String(words[0]).percentDecoded(plusIsSpace: true),
                let value = String(words.count > 1 ? words[1] : "").percentDecoded(plusIsSpace: true)
            else { throw .invalidArgument("The query is not properly percent-encoded UTF-8.") }
            query.append((name, value))
        }
        headers = head.headerFields.map { ($0.name.canonicalName, $0.value) }
        host = head.authority ?? ""
        // Scalars and not characters: a slash with an accent on it is one character that is no slash.
        let names = path.unicodeScalars.dropFirst().split(
            separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        bucket = names.first.flatMap { $0.isEmpty ? nil : String($0) }
        key = names.dropFirst().first.flatMap { $0.isEmpty ? nil : String($0) }
        self.id = id
        self.remoteAddress = remoteAddress
    }

    /// The most bytes of names and values of all header fields, as S3 has it, signed or not: they may be stored.
    package static let headerLimit = 8 << 10
    /// The most bytes of path and query: a key of 1,024 bytes, percent-encoded, and every query S3 knows.
    static let targetLimit = 16 << 10

    private static func checkSize(_ head: HTTPRequest, _ target: String) throws(S3Failure) {
        let size = head.headerFields.reduce(0) { $0 + $1.name.rawName.utf8.count + $1.value.utf8.count }
        guard size <= headerLimit, target.utf8.count <= targetLimit else { throw .headersTooLarge }
    }

    /// Refuses what could be read in two ways: none or two hosts, a length that is no length.
    private static func checkFraming(_ head: HTTPRequest) throws(S3Failure) {
        // The first Host field is the request's authority; another one stays among the fields.
        let isHost = head.authority.map { host in
            !host.isEmpty
                && host.utf8.allSatisfy {
                    switch $0 {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"):
                        true
                    default: "-._~:[]".utf8.contains($0)
                    }
                }
        }
        guard isHost == true, !head.headerFields.contains(where: { $0.name.canonicalName == "host" }) else {
            throw S3Failure(400, "InvalidRequest", "The request must have one Host header field with a valid host.")
        }
        for field in head.headerFields where field.name == .contentLength {
            guard let length = Int(field.value), length >= 0 else { throw .tooLarge }
        }
    }

    /// The first value of a header field.
    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// Whether a browser's form brings an object to a bucket.
    var isBrowserForm: Bool {
        method == "POST" && bucket != nil && key == nil
            && header("content-type")?.lowercased().hasPrefix("multipart/form-data") == true
    }

    /// The first value of a query item; empty for one without a value.
    func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// User metadata; names without `x-amz-meta-`. S3 allows 2 KB of it.
    package func metadata() throws(S3Failure) -> [String: String] {
        var metadata: [String: String] = [:]
        for (name, value) in headers where name.hasPrefix("x-amz-meta-") {
            let name = String(name.dropFirst(11))
            metadata[name] = metadata[name].map { "\($0),\(value)" } ?? value
        }
        guard metadata.reduce(0, { $0 + $1.key.utf8.count + $1.value.utf8.count }) <= 2048 else {
            throw .metadataTooLarge
        }
        return metadata
    }

    /// The header fields that are stored with an object and sent with it.
    package func storedHeaders() -> [String: String] {
        var stored: [String: String] = [:]
        for name in ["content-type", "cache-control", "content-disposition", "content-language", "expires"] {
            if let value = header(name), !value.isEmpty { stored[name] = value }
        }
        if let encoding = header("content-encoding") {
            let rest = encoding.split(separator: ",").map(\.trimmed).filter { $0 != "aws-chunked" && !$0.isEmpty }
            if !rest.isEmpty { stored["content-encoding"] = rest.joined(separator: ",") }
        }
        return stored
    }
}

/// What the server knows of a request beside its head and body.
struct StorageContext: InitializableFromSource {
    let remoteAddress: String
    let logger: Logger
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        remoteAddress = source.channel.remoteAddress?.ipAddress ?? ""
        logger = source.logger
        channel = source.channel
    }

    /// Tells a client that waits with its body (RFC 9110, section 10.1.1; AWS clients do) to send it. It is told when the body is
    /// wanted, so that a refused one is never sent.
    func sendContinue() async {
        // A failure shows when the body is read.
        try? await channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)))
    }
}
