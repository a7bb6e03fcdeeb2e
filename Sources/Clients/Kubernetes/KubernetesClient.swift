import Foundation
public import HTTPTransport
import Streams
public import Logging

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
            retryAfter: response.retryAfter,
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

extension KubernetesClient {
    /// Reads a Deployment: its uid, and what its pods ask for.
    public func deployment(_ name: String) async throws -> Deployment {
        try await decode(.deployment(name, in: namespace))
    }

    /// Reads how many replicas a Deployment has and is to have.
    public func scale(of deployment: String) async throws -> Scale {
        try await decode(.scale(of: deployment, in: namespace))
    }

    /// Sets how many replicas a Deployment is to have.
    ///
    /// - Parameter version: the `resourceVersion` that was read; the change is refused if there is a newer one.
    /// - Throws: ``KubernetesError/conflict(_:)`` if so.
    @discardableResult
    public func setScale(of deployment: String, to replicas: Int, ifVersion version: String? = nil) async throws
        -> Scale
    {
        try await decode(.setScale(of: deployment, to: replicas, ifVersion: version, in: namespace))
    }

    /// The pods that match a label selector, all of them, as they were at one moment.
    public func pods(matching selector: String? = nil) async throws -> [Pod] {
        try await podList(matching: selector).items
    }

    /// The same, with the version that a watch goes on from.
    func podList(matching selector: String?) async throws -> (items: [Pod], version: String) {
        let (pods, version) =
            try await pages { limit, continuation in
                .pods(matching: selector, limit: limit, continuation: continuation, in: namespace)
            } as ([Pod], String?)
        return (pods, version ?? "0")
    }

    /// Sets what it costs to end a pod: a ReplicaSet that shrinks ends the cheapest first. `nil` removes the mark.
    @discardableResult
    public func setDeletionCost(of pod: String, to cost: Int?) async throws -> Pod {
        try await annotate(pod: pod, with: [Pod.deletionCostAnnotation: cost.map(String.init)])
    }

    /// Asks whoever saves nodes not to move a pod, or takes that back.
    ///
    /// Source: Karpenter, "Disruption", and the Cluster Autoscaler's FAQ.
    @discardableResult
    public func setGuard(of pod: String, to isGuarded: Bool) async throws -> Pod {
        try await annotate(pod: pod, with: Pod.guardAnnotations.mapValues { isGuarded ? $0 : nil })
    }

    /// Sets or, with `nil`, removes annotations of a pod.
    @discardableResult
    public func annotate(pod: String, with annotations: [String: String?]) async throws -> Pod {
        try await decode(.annotate(pod: pod, with: annotations, in: namespace))
    }

    /// The namespace's quotas.
    public func resourceQuotas() async throws -> [ResourceQuota] {
        let list: ObjectList<ResourceQuota> = try await decode(.resourceQuotas(in: namespace))
        return list.items ?? []
    }

    /// The cluster's nodes that match a label selector.
    public func nodes(matching selector: String? = nil) async throws -> [Node] {
        try await pages { .nodes(matching: selector, limit: $0, continuation: $1) }.items
    }

    /// All pages of a list. One that is overtaken by the cluster's history is read again in one piece.
    private func pages<Item: Decodable & Sendable>(
        _ request: (_ limit: Int?, _ continuation: String?) -> APIRequest
    ) async throws -> (items: [Item], version: String?) {
        var items: [Item] = []
        var continuation: String?
        do {
            repeat {
                let page: ObjectList<Item> = try await decode(request(500, continuation))
                items += page.items ?? []
                continuation = page.metadata.continue.flatMap { $0.isEmpty ? nil : $0 }
                if continuation == nil { return (items, page.metadata.resourceVersion) }
            } while true
        } catch KubernetesError.expired where continuation != nil {
            let whole: ObjectList<Item> = try await decode(request(nil, nil))
            return (whole.items ?? [], whole.metadata.resourceVersion)
        }
    }
}

extension KubernetesClient {
    /// Reads a Lease; `nil` when there is none.
    public func lease(_ name: String) async throws -> Lease? {
        do {
            return try await decode(.lease(name, in: namespace))
        } catch KubernetesError.notFound {
            return nil
        }
    }

    /// Creates a Lease.
    ///
    /// - Throws: ``KubernetesError/alreadyExists(_:)`` when somebody was faster. A call that is repeated because its
    ///   answer was lost may find its own: read it.
    public func create(_ lease: Lease) async throws -> Lease {
        try await decode(.create(lease, in: namespace))
    }

    /// Replaces a Lease, as it was read and changed.
    ///
    /// - Throws: ``KubernetesError/conflict(_:)`` when it was changed by somebody else meanwhile, or by this very call
    ///   when it is repeated because its answer was lost: read it.
    public func update(_ lease: Lease) async throws -> Lease {
        try await decode(.update(lease, in: namespace))
    }

    /// Tells people about something that was done.
    public func create(_ event: Event) async throws {
        do {
            _ = try await send(.create(event, in: namespace))
        } catch KubernetesError.alreadyExists {
            // Its name is unique: this is the same event, whose first answer was lost.
        }
    }
}
