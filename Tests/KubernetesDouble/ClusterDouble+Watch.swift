import Foundation
import Kubernetes

extension ClusterDouble.Contents {
    /// Opens a watch: the history since its version, then what comes.
    mutating func watch(_ place: Place, _ question: Question, _ onEnd: @escaping @Sendable (Int) -> Void)
        throws(Refusal) -> Reply
    {
        let (stream, continuation) = AsyncStream.makeStream(of: ClusterDouble.WatchLine.self)
        let selector = LabelMatch(question.query["labelSelector"])
        let text = question.query["resourceVersion"] ?? ""
        guard let version = text.isEmpty ? 0 : Int(text) else { throw .badRequest("resourceVersion: Invalid value") }
        let watcher = ClusterDouble.Watcher(
            resource: place.resource, namespace: place.namespace, selector: selector,
            wantsBookmarks: ["1", "true"].contains(question.query["allowWatchBookmarks"] ?? ""), stream: continuation)
        if version == 0 {
            for object in state.list(place.resource, place.namespace, selector: selector) {
                continuation.yield(.line(ClusterDouble.line("ADDED", object)))
            }
        } else if version < state.compacted {
            // The status line is out before etcd says so.
            let refusal = Refusal.expired(version, oldest: state.compacted)
            continuation.yield(.line(ClusterDouble.line("ERROR", refusal.status)))
            continuation.finish()
            return .watch(stream, continuation)
        } else {
            for change in state.history where change.version > version && watcher.wants(change) {
                continuation.yield(.line(change.line))
            }
        }
        lastIdentifier += 1
        let identifier = lastIdentifier
        watchers[identifier] = watcher
        continuation.onTermination = { _ in onEnd(identifier) }
        return .watch(stream, continuation)
    }
}
