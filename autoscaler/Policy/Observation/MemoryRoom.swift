/// What is left of the memory that workers are given out of. All sizes are in bytes.
public struct MemoryRoom: Sendable, Equatable {
    /// What one worker asks for.
    public var request: Int64
    /// What each node still has to give; a worker must fit one of them whole.
    /// Nil when the nodes do not limit us or may not be read: then only workers left pending show that they are full.
    public var nodes: [Int64]?
    /// What the namespace's quota leaves. Nil when there is no quota.
    public var quota: Int64?

    /// A room of its parts.
    public init(request: Int64, nodes: [Int64]? = nil, quota: Int64? = nil) {
        self.request = request
        self.nodes = nodes
        self.quota = quota
    }

    /// Memory that never limits.
    public static let unlimited = MemoryRoom(request: 0)

    /// The largest number of replicas that memory allows `fleet` to have; nil when there is no limit.
    ///
    /// Workers that have a place keep it. A pending worker has no place on a node yet, but its request already counts
    /// against the quota.
    public func ceiling(for fleet: Fleet) -> Int? {
        guard request > 0 else { return nil }
        let live = fleet.workers.count(where: \.isLive)
        let placed = fleet.workers.count { $0.isLive && !$0.isPending }
        let byNodes = nodes.map { placed + $0.reduce(0) { $0 + Int(max(0, $1) / request) } }
        let byQuota = quota.map { live + Int(max(0, $0) / request) }
        return [byNodes, byQuota].compactMap(\.self).min()
    }
}
