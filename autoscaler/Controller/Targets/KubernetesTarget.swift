public import Kubernetes
public import Logging
import Policy
import Foundation

/// A Deployment, scaled through its `scale` subresource.
///
/// Its pods are watched. Before the number is lowered, the pods to go get a low deletion cost, which a ReplicaSet heeds when
/// it chooses; pods that got one earlier and stay lose it. The number is set on the condition that nobody else changed it.
public actor KubernetesTarget: ScaleTarget {
    /// What limits memory.
    public enum Room: String, Sendable, CaseIterable {
        /// The namespace's quota, and what the nodes have left.
        case nodes
        /// The namespace's quota only: for clusters that add nodes when pods find no place.
        case quota
        /// Nothing.
        case none
    }

    /// The deletion cost of a pod that is to go. Pods without the annotation have 0.
    public static let leavingCost = -1000

    /// See ``ScaleTarget/name``.
    public nonisolated let name: String
    let client: KubernetesClient
    let deployment: String
    let room: Room
    let nodeSelector: String?
    let identity: String
    let logger: Logger

    private var pods = PodSet()
    /// The pods whose deletion cost may be low.
    private var priced: Set<String> = []
    private var trouble = "The pods have not been listed yet."
    /// Counts the changes of pods.
    private(set) var changes = 0
    var known: Deployment?
    var lastRoom: (room: MemoryRoom, changes: Int, at: ContinuousClock.Instant)?
    var mayReadNodes = true

    /// The Deployment of that name in the client's namespace.
    ///
    /// - Parameters:
    ///   - nodeSelector: the labels of the nodes that workers can run on; without it all nodes but the tainted ones count.
    ///   - identity: who is named in Events.
    public init(
        client: KubernetesClient, deployment: String, room: Room = .nodes, nodeSelector: String? = nil,
        identity: String, logger: Logger
    ) {
        self.client = client
        self.deployment = deployment
        self.room = room
        self.nodeSelector = nodeSelector
        self.identity = identity
        self.logger = logger
        name = "deployment \(client.namespace)/\(deployment)"
    }

    // MARK: - Looking

    /// Watches the pods; whatever ends the watch, it is begun again.
    public func run(changed: @escaping @Sendable () -> Void) async {
        while !Task.isCancelled {
            do {
                let selector = try await client.scale(of: deployment).selector
                for try await change in client.podChanges(matching: selector) {
                    apply(change)
                    changed()
                }
            } catch {
                if Task.isCancelled { return }
                apply(error)
            }
            try? await Task.sleep(for: .seconds(2))
        }
    }

    private func apply(_ change: PodChange) {
        if case .stale(let error) = change { trouble = "The pods cannot be watched. \(error)" }
        pods.apply(change)
        changes += 1
    }

    private func apply(_ error: any Error) {
        let sentence = "The pods cannot be watched. \(error)"
        if sentence != trouble { logger.warning("\(sentence)", metadata: ["target": "\(name)"]) }
        trouble = sentence
        pods = PodSet()
    }

    /// See ``ScaleTarget/observe()``.
    public func observe() async throws -> TargetState {
        let scale = try await client.scale(of: deployment)
        guard pods.isCurrent else { throw TargetError.outOfDate(trouble) }
        let now = Date()
        return TargetState(
            replicas: scale.replicas,
            members: pods.pods.filter { !$0.isFinished }.map { FleetMember($0, at: now) },
            version: scale.metadata.resourceVersion)
    }

    // MARK: - Acting

    /// See ``ScaleTarget/resize(_:to:leaving:)``.
    public func resize(_ state: TargetState, to replicas: Int, leaving: [String]) async throws {
        if replicas < state.replicas { try await price(leaving: Set(leaving)) }
        var version = state.version
        for attempt in 1... {
            do {
                try await client.setScale(of: deployment, to: replicas, ifVersion: version)
                return
            } catch let error as KubernetesError {
                // The version also changes when only the status does, which is no reason to decide anew.
                guard case .conflict = error, attempt < 5 else { throw error }
                let scale = try await client.scale(of: deployment)
                if scale.replicas == replicas { return }
                guard scale.replicas == state.replicas else { throw TargetError.changedMeanwhile(name: name) }
                version = scale.metadata.resourceVersion
            }
        }
    }

    /// Makes the pods that are to go the cheapest, and no others. What the watch says may be behind what was written, so a
    /// cost is written once too often rather than left out.
    private func price(leaving: Set<String>) async throws {
        let present = pods.pods.filter { !$0.isTerminating && !$0.isFinished }
        priced.formIntersection(present.map(\.name))
        for pod in present where !leaving.contains(pod.name) {
            guard priced.contains(pod.name) || pod.deletionCost == Self.leavingCost else { continue }
            try await client.setDeletionCost(of: pod.name, to: nil)
            priced.remove(pod.name)
        }
        for id in leaving.sorted() {
            priced.insert(id)
            try await client.setDeletionCost(of: id, to: Self.leavingCost)
        }
    }

    /// Creates an Event on the Deployment.
    public func announce(_ announcement: Announcement) async throws {
        let deployment = if let known { known } else { try await readDeployment() }
        try await client.create(
            Event(
                announcement.isWarning ? .warning : .normal, reason: announcement.reason, action: "Scale",
                note: announcement.note, regarding: .init(deployment, namespace: client.namespace), at: Date(),
                reportingController: "msaas.io/autoscaler", reportingInstance: String(identity.prefix(128))))
    }

    func readDeployment() async throws -> Deployment {
        let deployment = try await client.deployment(deployment)
        known = deployment
        return deployment
    }
}
