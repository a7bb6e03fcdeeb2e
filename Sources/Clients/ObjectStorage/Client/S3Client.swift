import Digests
import Encodings
public import Foundation
public import HTTPTransport

/// A client of an S3-compatible object storage, with path-style addresses (`endpoint/bucket/key`).
///
/// Every call throws ``S3Error`` for what the storage refuses, `HTTPError` when it cannot be reached, and
/// `CancellationError`. Transient failures are tried again when the request can be repeated.
public struct S3Client: Sendable {
    /// Where the storage is and who we are.
    public let configuration: S3Configuration
    /// Sizes from which on bodies are split.
    public var limits = Limits()
    /// How transient failures are met.
    public var retry = RetryPolicy(attempts: 5, first: .milliseconds(100))
    /// When to give a transfer up.
    public var timeouts = HTTPTimeouts()

    let transport: any HTTPTransport
    let now: @Sendable () -> Date

    /// Sizes from which on bodies are split, in bytes.
    public struct Limits: Sendable, Equatable {
        /// Files larger than this are sent in parts.
        public var singleFile = 64 << 20
        /// Streams of known length larger than this are sent in parts. Parts are held in memory, a single request is not.
        public var singleStream = 5 << 30
        /// The size of a part; S3 wants at least 5 MiB and at most 10,000 parts.
        public var part = 8 << 20
    }

    /// A client. `now` is the clock that signatures use.
    public init(
        _ configuration: S3Configuration, transport: any HTTPTransport, now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.configuration = configuration
        self.transport = transport
        self.now = now
    }

    /// One request to the storage, before it is signed.
    struct Call: Sendable {
        /// What stands for the body's digest, where the body itself does not tell.
        var payloadHash: String? = nil
        var method: String
        var bucket: String?
        var key: String?
        var query: [(name: String, value: String)] = []
        var headers: HTTPHeaders = [:]
        var body = HTTPBody.empty

        var path: String {
            "/" + [bucket, key].compactMap { $0?.percentEncoded(keepingSlash: true) }.joined(separator: "/")
        }
    }

    /// Signs and sends until there is an answer of 2xx (or one of `accepting`), or no use in trying again.
    func send(_ call: Call, accepting: Set<Int> = []) async throws -> HTTPResponse {
        var attempt = 1
        while true {
            do {
                return try await sendOnce(call, accepting: accepting)
            } catch {
                guard attempt < retry.attempts, call.body.isRepeatable, Self.isTransient(error) else { throw error }
                try await Task.sleep(for: retry.delay(after: attempt))
                attempt += 1
            }
        }
    }

    static func isTransient(_ error: any Error) -> Bool {
        (error as? S3Error)?.isTransient ?? (error as? HTTPError)?.isTransient ?? false
    }

    private func sendOnce(_ call: Call, accepting: Set<Int>) async throws -> HTTPResponse {
        let response = try await transport.send(signed(call))
        if (200..<300).contains(response.status) || accepting.contains(response.status) { return response }
        let body = (try? await response.body.collect(limit: 1 << 20)) ?? Data()
        throw S3Error(
            status: response.status, body: body, bucket: call.bucket, key: call.key, headers: response.headers)
    }

    private func signed(_ call: Call) -> HTTPRequest {
        var headers = call.headers
        SignatureV4.sign(
            &headers, method: call.method, host: S3Configuration.host(of: configuration.endpoint), path: call.path,
            query: call.query, payloadHash: call.payloadHash ?? call.body.payloadHash,
            credentials: configuration.credentials,
            region: configuration.region, date: now())
        let query = call.query.map { "\($0.name.percentEncoded())=\($0.value.percentEncoded())" }
        return HTTPRequest(
            method: call.method,
            url: configuration.endpoint + call.path + (query.isEmpty ? "" : "?" + query.joined(separator: "&")),
            headers: headers, body: call.body, timeouts: timeouts, tls: configuration.tls)
    }

    /// Sends and reads the answer's XML document; `nil` where the answer is empty. Some operations report their failure in
    /// a document after a status of 200.
    func document(_ call: Call) async throws -> XMLTree? {
        let response = try await send(call)
        let data = try await response.body.collect(limit: 16 << 20)
        guard data.contains(where: { $0 > 0x20 }) else { return nil }
        let document: XMLTree
        do {
            document = try XMLTree(parsing: data)
        } catch {
            throw S3Error(
                status: response.status, code: "MalformedAnswer", message: "\(error)", bucket: call.bucket,
                key: call.key)
        }
        guard document.name != "Error" else {
            throw S3Error(status: 500, body: data, bucket: call.bucket, key: call.key, headers: response.headers)
        }
        return document
    }
}

extension HTTPBody {
    /// The digest that is signed: small bodies are, larger ones and streams are not (their parts carry an MD5 instead).
    fileprivate var payloadHash: String {
        switch self {
        case .empty: SignatureV4.emptyHash
        case .bytes(let data) where data.count <= 1 << 20: Hash.digest(.sha256, data).hex
        default: SignatureV4.unsignedPayload
        }
    }
}
