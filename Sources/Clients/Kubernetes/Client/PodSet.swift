/// The pods that a watch has told of so far.
public struct PodSet: Sendable, Equatable {
    private var byName: [String: Pod] = [:]
    /// Whether this is how the cluster is: a list has come, and the server can be reached.
    public private(set) var isCurrent = false

    /// No pods, and nothing known.
    public init() {}

    /// The pods, sorted by name.
    public var pods: [Pod] { byName.values.sorted { $0.name < $1.name } }

    /// The pod of a name.
    public subscript(name: String) -> Pod? { byName[name] }

    /// Takes a change in.
    public mutating func apply(_ change: PodChange) {
        switch change {
        case .snapshot(let pods):
            byName = Dictionary(pods.map { ($0.name, $0) }) { $1 }
            isCurrent = true
        case .updated(let pod): byName[pod.name] = pod
        case .removed(let pod): byName[pod.name] = nil
        case .stale: isCurrent = false
        case .current: isCurrent = true
        }
    }
}
