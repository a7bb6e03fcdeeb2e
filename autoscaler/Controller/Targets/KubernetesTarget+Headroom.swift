import Kubernetes
public import Policy

/// What quotas and nodes leave for further pods.
extension KubernetesTarget {
    /// How long a reading counts while no pod changes.
    private static let lifetime = Duration.seconds(10)
    /// The same while pods are missing, so that their refusal is soon known.
    private static let shortLifetime = Duration.seconds(2)

    /// See ``ScaleTarget/headroom(for:)``; read again when pods have changed, or every ten seconds.
    public func headroom(for state: TargetState) async throws -> Headroom {
        let (changes, now) = (changes, ContinuousClock.now)
        let isMissingPods = state.replicas > (state.created ?? state.replicas)
        let lifetime = isMissingPods ? Self.shortLifetime : Self.lifetime
        if let last = lastHeadroom, last.changes == changes, now - last.at < lifetime { return last.headroom }
        let pod = try await readDeployment().spec.template.spec
        var headroom = Headroom(request: Int64(pod.memoryRequest))
        if room != .none {
            headroom.quotas = try await quotas(pod)
            if room == .nodes, headroom.request > 0 { headroom.nodes = try await nodes() }
        }
        lastHeadroom = (headroom, changes, now)
        return headroom
    }

    /// What each resource of each quota leaves; of two quotas on one resource, the tighter.
    private func quotas(_ pod: PodSpec) async throws -> [Headroom.Quota] {
        var left: [String: Int] = [:]
        for quota in try await client.resourceQuotas() where quota.countsLastingPods {
            left.merge(quota.podsLeft(like: pod), uniquingKeysWith: min)
        }
        return left.sorted { $0.key < $1.key }.map { Headroom.Quota(resource: $0.key, workers: $0.value) }
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
