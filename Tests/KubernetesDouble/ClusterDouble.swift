import Encodings
import Foundation
public import Kubernetes
import Synchronization

/// A cluster's API server for tests: the objects, what goes wrong on demand, and a log of the calls.
///
/// It answers as recorded from a real API server. ``DoubleServer`` puts it on a socket.
public final class ClusterDouble: Sendable {
    /// A call that came.
    public struct Call: Sendable, Equatable {
        /// The HTTP method.
        public var method: String
        /// The path with the query.
        public var target: String
        /// The account that made it, if it was known.
        public var user: String?
        /// The HTTP status of the answer.
        public var status: Int
        /// The request's body.
        public var body: String
    }

    struct Account: Sendable {
        var user: String
        var permissions: Set<Permission>?
    }

    struct Watcher: Sendable {
        var resource: Resource
        var namespace: String?
        var selector: LabelMatch
        var wantsBookmarks: Bool
        var stream: AsyncStream<WatchLine>.Continuation
    }

    enum WatchLine: Sendable {
        case line(Data)
        case tear
    }

    enum Outage: Sendable {
        case refuse(Refusal)
        case hangUp
    }

    struct Contents: Sendable {
        var state = ClusterState()
        var accounts: [String: Account]?
        var calls: [Call] = []
        var watchers: [Int: Watcher] = [:]
        var ticks: [Int: AsyncStream<Void>.Continuation] = [:]
        var lastIdentifier = 0
        var outage: Outage?
        var outageEnd: ContinuousClock.Instant?
        var failures: [Outage] = []
        var delivered = 0
        var clock: @Sendable () -> Date = { Date() }
    }

    private let contents = Mutex(Contents())

    /// An empty cluster that lets everybody do everything.
    public init() {}

    // MARK: - Objects

    /// Puts an object into the cluster, in place of one of the same name.
    @discardableResult
    package func put(_ resource: Resource, _ object: JSONValue, namespace: String = "msaas") throws -> JSONValue {
        let namespace = resource.isNamespaced ? namespace : ""
        return try change { contents throws(Refusal) in
            var object = object
            object["metadata"]?["resourceVersion"] = nil
            let name = object["metadata"]?["name"]?.string ?? ""
            if !name.isEmpty, (try? contents.state.get(resource, namespace, name)) != nil, resource != .leases {
                return try contents.state.replace(resource, namespace, name, object)
            }
            return try contents.state.create(resource, namespace, object, at: contents.clock())
        }
    }

    /// Merges a patch into an object.
    @discardableResult
    package func patch(_ resource: Resource, _ name: String, _ patch: JSONValue, namespace: String = "msaas") throws
        -> JSONValue
    {
        try change { contents throws(Refusal) in
            try contents.state.patch(resource, resource.isNamespaced ? namespace : "", name, patch)
        }
    }

    /// Removes an object at once.
    package func remove(_ resource: Resource, _ name: String, namespace: String = "msaas") throws {
        _ = try change { contents throws(Refusal) in
            try contents.state.delete(resource, resource.isNamespaced ? namespace : "", name)
        }
    }

    /// An object; `nil` where there is none.
    package func object(_ resource: Resource, _ name: String, namespace: String = "msaas") -> JSONValue? {
        contents.withLock { try? $0.state.get(resource, resource.isNamespaced ? namespace : "", name) }
    }

    /// All objects of a resource, sorted by name.
    package func objects(_ resource: Resource) -> [JSONValue] { contents.withLock { $0.state.list(resource, nil) } }

    /// All pods, sorted by name.
    public var pods: [Pod] { objects(.pods).compactMap(\.pod) }

    /// How many replicas a Deployment is to have; `nil` where there is none.
    public func replicas(of deployment: String, namespace: String = "msaas") -> Int? {
        object(.deployments, deployment, namespace: namespace)?["spec"]?["replicas"]?.int
    }

    // MARK: - The calls

    /// Every call so far.
    public var calls: [Call] { contents.withLock { $0.calls } }
    /// How many watches are open.
    public var openWatches: Int { contents.withLock { $0.watchers.count } }

    /// Waits until something holds; it is looked at again at each call and change.
    public func until(_ condition: @Sendable (ClusterDouble) -> Bool) async throws {
        for await _ in ticks() where condition(self) { return }
        throw CancellationError()
    }

    /// One element now, and one after changes.
    func ticks() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let identifier = contents.withLock { contents in
            contents.lastIdentifier += 1
            contents.ticks[contents.lastIdentifier] = continuation
            return contents.lastIdentifier
        }
        continuation.onTermination = { [weak self] _ in
            self?.contents.withLock { $0.ticks[identifier] = nil }
        }
        continuation.yield()
        return stream
    }

    // MARK: - Inside

    /// Changes the contents, and tells those who watch.
    func change<Value: Sendable, Failure: Error>(_ body: (inout Contents) throws(Failure) -> Value) throws(Failure)
        -> Value
    {
        let result: (Result<Value, Failure>, [AsyncStream<Void>.Continuation]) = contents.withLock { contents in
            let before = contents.mark
            let value: Result<Value, Failure>
            do throws(Failure) {
                value = .success(try body(&contents))
            } catch {
                value = .failure(error)
            }
            contents.deliver()
            return (value, contents.mark == before ? [] : Array(contents.ticks.values))
        }
        for tick in result.1 { tick.yield() }
        return try result.0.get()
    }
}

extension ClusterDouble.Contents {
    /// What differs after something happened.
    fileprivate var mark: [Int] { [state.version, calls.count, watchers.count] }

    /// Sends what is new in the history to the watches.
    mutating func deliver() {
        for change in state.history where change.version > delivered {
            for watcher in watchers.values where watcher.wants(change) {
                watcher.stream.yield(.line(change.line))
            }
        }
        delivered = state.version
    }
}

extension ClusterDouble.Watcher {
    func wants(_ change: ClusterState.Change) -> Bool {
        change.resource == resource && (namespace == nil || namespace == change.namespace)
            && selector.matches(change.object)
    }
}

extension ClusterState.Change {
    var line: Data { ClusterDouble.line(type, object) }
}

extension ClusterDouble {
    static func line(_ type: String, _ object: JSONValue) -> Data {
        ((try? JSONEncoder.kubernetes.encode(["type": .string(type), "object": object] as JSONValue)) ?? Data())
            + Data("\n".utf8)
    }
}

/// What goes wrong on demand.
extension ClusterDouble {
    /// From now on a call needs a token; this one is good, for `permissions` only if they are given.
    public func accept(token: String, user: String, permissions: Set<Permission>? = nil) {
        change {
            $0.accounts = ($0.accounts ?? [:]).merging([token: Account(user: user, permissions: permissions)]) { $1 }
        }
    }

    /// A token is good no longer: 401.
    public func revoke(token: String) {
        change { $0.accounts?[token] = nil }
    }

    /// The next calls fail: 429 or a 5xx, with `Retry-After` in seconds if given.
    public func refuse(next count: Int, status: Int = 503, retryAfter: Int? = nil) {
        let refusal = Self.refusal(status, retryAfter)
        change { $0.failures += Array(repeating: .refuse(refusal), count: count) }
    }

    /// The connections of the next calls break in the middle of the answer.
    public func hangUp(next count: Int) {
        change { $0.failures += Array(repeating: .hangUp, count: count) }
    }

    /// Every call fails until ``recover()`` or, if given, for a while; open watches break.
    public func refuseEverything(for duration: Duration? = nil, status: Int = 503) {
        let refusal = Self.refusal(status, nil)
        change {
            $0.outage = .refuse(refusal)
            $0.outageEnd = duration.map { ContinuousClock.now + $0 }
        }
        breakWatches()
    }

    /// Calls are answered again.
    public func recover() {
        change {
            $0.outage = nil
            $0.outageEnd = nil
        }
    }

    /// The connections of all watches break in the middle of a line.
    public func breakWatches() {
        for watcher in watchers() { watcher.stream.yield(.tear) }
    }

    /// All watches end properly, as at the end of their time.
    public func endWatches() {
        for watcher in watchers() { watcher.stream.finish() }
    }

    /// All watches that want them get a bookmark.
    public func sendBookmarks() {
        change { contents in
            for watcher in contents.watchers.values where watcher.wantsBookmarks {
                watcher.stream.yield(.line(Self.bookmark(watcher.resource, contents.state.version)))
            }
        }
    }

    /// The history is forgotten: a watch from before now gets 410.
    public func compact() {
        change { $0.state.compact() }
    }

    private func watchers() -> [Watcher] { change { Array($0.watchers.values) } }

    static func bookmark(_ resource: Resource, _ version: Int) -> Data {
        line(
            "BOOKMARK",
            [
                "kind": .string(resource.kind), "apiVersion": .string(resource.apiVersion),
                "metadata": ["resourceVersion": .string(String(version))],
                "spec": ["containers": .null], "status": [:],
            ])
    }

    private static func refusal(_ status: Int, _ retryAfter: Int?) -> Refusal {
        if status == 429 {
            return Refusal(
                code: 429, reason: "TooManyRequests",
                message: "Too many requests, please try again later.", retryAfter: retryAfter ?? 1)
        }
        return Refusal(
            code: status, reason: status == 503 ? "ServiceUnavailable" : "InternalError",
            message: "the server is currently unable to handle the request", retryAfter: retryAfter)
    }
}
