import Foundation
public import Kubernetes

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
