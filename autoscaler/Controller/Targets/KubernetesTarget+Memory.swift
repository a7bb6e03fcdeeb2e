import Kubernetes
public import Policy

/// What quota and nodes leave.
extension KubernetesTarget {
    /// How long a reading of memory counts while no pod changes.
    private static let lifetime = Duration.seconds(10)

    /// See ``ScaleTarget/memoryRoom(for:)``; read again when pods have changed, or every ten seconds.
    public func memoryRoom(for state: TargetState) async throws -> MemoryRoom {
        let (changes, now) = (changes, ContinuousClock.now)
        if let last = lastRoom, last.changes == changes, now - last.at < Self.lifetime { return last.room }
        let request = Int64(try await readDeployment().memoryRequest)
        var room = MemoryRoom(request: request)
        if self.room != .none, request > 0 {
            room.quota = try await quota(request: request)
            if self.room == .nodes { room.nodes = try await nodes() }
        }
        lastRoom = (room, changes, now)
        return room
    }

    /// The least that any quota leaves for workers, in bytes.
    private func quota(request: Int64) async throws -> Int64? {
        // A quota with other scopes counts other pods.
        let counting: Set = ["NotTerminating", "NotBestEffort"]
        return try await client.resourceQuotas().filter { counting.isSuperset(of: $0.spec?.scopes ?? []) }
            .flatMap { quota in
                [
                    quota.left("requests.memory").map { Int64($0.value) },
                    quota.left("pods").map { Int64($0.value).multipliedCapped(by: request) },
                ].compactMap(\.self)
            }.min()
    }

    /// What is left of each node that takes workers, in bytes; `nil` when nodes may not be read. Only the pods of our own
    /// namespace can be subtracted: where others take room too, pods left pending show it.
    private func nodes() async throws -> [Int64]? {
        guard mayReadNodes else { return nil }
        let nodes: [Node]
        do {
            nodes = try await client.nodes(matching: nodeSelector)
        } catch KubernetesError.forbidden(let permission, let namespace, let status) {
            mayReadNodes = false
            let error = KubernetesError.forbidden(permission, namespace: namespace, status)
            logger.notice("what the nodes have left is not taken into account: \(error)")
            return nil
        }
        var used: [String: Int64] = [:]
        for pod in try await client.pods() where !pod.isFinished {
            if let node = pod.spec?.nodeName { used[node, default: 0] += Int64(pod.spec?.memoryRequest ?? 0) }
        }
        return nodes.filter { $0.isSchedulable && (nodeSelector != nil || $0.isOpen) }
            .map { Int64($0.allocatableMemory) - used[$0.metadata.name ?? "", default: 0] }
    }
}

extension Node {
    /// It has no taint that keeps new pods away.
    fileprivate var isOpen: Bool {
        !(spec?.taints ?? []).contains { $0.effect == "NoSchedule" || $0.effect == "NoExecute" }
    }
}

extension Int64 {
    fileprivate func multipliedCapped(by other: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
