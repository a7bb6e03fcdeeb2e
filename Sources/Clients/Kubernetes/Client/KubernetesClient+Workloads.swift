import HTTPTransport

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
