public import HTTPTransport
public import Logging
import Foundation

/// Makes the few calls of the Kubernetes API that an autoscaler needs, each listed in ``APICall``.
///
/// Calls that fail for a passing reason (429, 5xx, a lost connection) are made again as the ``RetryPolicy`` says; all of
/// them may be repeated without harm. Credentials that are refused are renewed once. Every error is a ``KubernetesError``
/// or `CancellationError`.
public struct KubernetesClient: Sendable {
    /// The namespace that calls work in.
    public var namespace: String
    /// When calls are made again.
    public var retry: RetryPolicy
    /// The way to the cluster.
    public let configuration: ClusterConfiguration

    private let source: CredentialSource
    private let transport: any HTTPTransport
    let logger: Logger

    /// The largest answer that is accepted, in bytes.
    static let answerLimit = 64 << 20
    /// Given up after this without a byte. A watch hears a bookmark a minute.
    static let silence = Duration.seconds(120)

    /// A client for the cluster that `configuration` leads to.
    public init(
        _ configuration: ClusterConfiguration, transport: any HTTPTransport = CurlTransport(),
        retry: RetryPolicy = RetryPolicy(), logger: Logger = Logger(label: "kubernetes")
    ) {
        self.init(configuration, source: CredentialSource(configuration.credentials), transport, retry, logger)
    }

    package init(
        _ configuration: ClusterConfiguration, source: CredentialSource, _ transport: any HTTPTransport,
        _ retry: RetryPolicy, _ logger: Logger
    ) {
        self.configuration = configuration
        self.source = source
        self.transport = transport
        self.retry = retry
        self.logger = logger
        namespace = configuration.namespace
    }

    // MARK: - Calls

    /// Makes a call and decodes the answer, with repetitions.
    func decode<Object: Decodable & Sendable>(_ request: APIRequest, as type: Object.Type = Object.self) async throws
        -> Object
    {
        let data = try await send(request)
        do {
            return try JSONDecoder.kubernetes.decode(type, from: data)
        } catch {
            throw KubernetesError.malformed("answer to \(request.method) \(request.path)", "\(error)")
        }
    }

    /// Makes a call and reads the answer, with repetitions.
    func send(_ request: APIRequest) async throws -> Data {
        var pauses = retry.pauses
        while true {
            do {
                let body = try await open(request, timeouts: HTTPTimeouts(total: .seconds(30)))
                return try await Self.translating { try await body.collect(limit: Self.answerLimit) }
            } catch let error as KubernetesError where error.isTransient {
                guard let pause = pauses.next(retryAfter: error.retryAfter) else { throw error }
                logger.debug("repeat", metadata: ["call": "\(request.call)", "pause": "\(pause)", "error": "\(error)"])
                try await retry.sleep(pause)
            }
        }
    }

    /// Makes a call once, or twice if the credentials were out of date, and gives the body of an answer that is 2xx.
    func open(_ request: APIRequest, timeouts: HTTPTimeouts) async throws -> ByteStream {
        let proof = try await source.proof()
        var response = try await exchange(request, proof, timeouts)
        if response.status == 401, let renewed = try await source.proof(insteadOf: proof) {
            response = try await exchange(request, renewed, timeouts)
        }
        guard !(200..<300).contains(response.status) else { return response.body }
        let text = (try? await response.body.collect(limit: 1 << 20)) ?? Data()
        let status =
            (try? JSONDecoder.kubernetes.decode(Status.self, from: text))
            ?? Status(message: String(decoding: text.prefix(300), as: UTF8.self))
        throw KubernetesError(
            request, code: response.status, status: status,
            retryAfter: response.headers["Retry-After"].flatMap { Int($0) }.map { .seconds(max(0, $0)) },
            credentials: configuration.credentials.summary)
    }

    private func exchange(
        _ request: APIRequest, _ proof: CredentialSource.Proof, _ timeouts: HTTPTimeouts
    ) async throws -> HTTPResponse {
        var headers: HTTPHeaders = ["Accept": "application/json", "User-Agent": "msaas-autoscaler"]
        headers["Content-Type"] = request.contentType
        headers["Authorization"] = proof.authorization
        let message = HTTPRequest(
            method: request.method, url: configuration.server + request.target, headers: headers,
            body: request.body.map(HTTPBody.bytes) ?? .empty, timeouts: timeouts,
            tls: TLSOptions(
                trust: configuration.trust, clientCertificate: proof.certificate,
                verifiesServer: configuration.verifiesServer))
        return try await Self.translating { try await transport.send(message) }
    }

    /// The errors of the transport as ours.
    static func translating<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as HTTPError {
            throw KubernetesError.unreachable(error)
        }
    }
}
