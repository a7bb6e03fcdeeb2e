public import Foundation

/// Something worth telling about an object (`events.k8s.io/v1`); `kubectl describe` and `kubectl events` show it.
public struct Event: Sendable, Equatable, Codable {
    /// Whether it is business as usual.
    public enum Kind: String, Sendable, Codable {
        /// Business as usual.
        case normal = "Normal"
        /// Somebody should look.
        case warning = "Warning"
    }

    /// An object that is told about.
    public struct ObjectReference: Sendable, Equatable, Codable {
        /// Group and version.
        public var apiVersion: String
        /// Kind.
        public var kind: String
        /// Namespace.
        public var namespace: String
        /// Name.
        public var name: String
        /// Uid; without it `kubectl describe` does not find the event.
        public var uid: String?

        /// A reference.
        public init(apiVersion: String, kind: String, namespace: String, name: String, uid: String?) {
            self.apiVersion = apiVersion
            self.kind = kind
            self.namespace = namespace
            self.name = name
            self.uid = uid
        }

        /// A reference to a Deployment.
        public init(_ deployment: Deployment, namespace: String) {
            self.init(
                apiVersion: "apps/v1", kind: "Deployment", namespace: deployment.metadata.namespace ?? namespace,
                name: deployment.metadata.name ?? "", uid: deployment.metadata.uid)
        }
    }

    /// Always `events.k8s.io/v1`.
    public private(set) var apiVersion: String? = "events.k8s.io/v1"
    /// Always `Event`.
    public private(set) var kind: String? = "Event"
    /// A name of its own, so that creating it twice makes one event.
    public var metadata: ObjectMetadata
    /// When it happened.
    public var eventTime: Date
    /// Who tells: a qualified name such as `example.org/autoscaler`.
    public var reportingController: String
    /// Which of its instances: a pod's name.
    public var reportingInstance: String
    /// What was done, one word: `Scale`.
    public var action: String
    /// Why, one word: `ScaledUp`.
    public var reason: String
    /// What it is about.
    public var regarding: ObjectReference
    /// The sentence, at most 1024 bytes; longer ones are cut.
    public var note: String
    /// Whether it is business as usual.
    public var type: Kind

    /// An event about `regarding`.
    public init(
        _ type: Kind = .normal, reason: String, action: String, note: String, regarding: ObjectReference, at time: Date,
        reportingController: String, reportingInstance: String
    ) {
        let suffix = String(UInt64.random(in: 0 ... .max), radix: 16)
        metadata = ObjectMetadata(name: "\(regarding.name.prefix(200)).\(suffix)", namespace: regarding.namespace)
        eventTime = time
        self.reportingController = reportingController
        self.reportingInstance = reportingInstance
        self.action = action
        self.reason = reason
        self.regarding = regarding
        self.note = note.truncated(toBytes: 1024)
        self.type = type
    }
}

extension String {
    /// The longest beginning of whole characters that is not longer than `limit` bytes of UTF-8, ending in "…" if cut.
    fileprivate func truncated(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var short = self
        while short.utf8.count > limit - 3 { short.removeLast() }
        return short + "…"
    }
}
