import Foundation
public import Kubernetes
public import Logging
import Pacing
import Policy

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
    /// The selector of the pods that are watched; `nil` while none are.
    private var watched: String?
    /// Told of every selector that the Deployment is seen with.
    private var selectors: AsyncStream<String>.Continuation?
    /// The pods whose deletion cost may be low.
    private var cheapened: Set<String> = []
    /// The pods that are marked as not to be disturbed; `nil` while it is not known which are.
    private var guarded: Set<String>?
    private var trouble = "The pods have not been listed yet."
    /// Counts the changes of pods.
    private(set) var changes = 0
    var known: Deployment?
    var lastHeadroom: (headroom: Headroom, changes: Int, at: ContinuousClock.Instant)?
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

    /// Watches the pods; whatever ends the watch, it is begun again. A Deployment that was deleted and created anew may
    /// have other labels, and then its pods are others.
    public func run(changed: @escaping @Sendable () -> Void) async {
        while !Task.isCancelled {
            do {
                let selector = try await client.scale(of: deployment).selector ?? ""
                let (seen, selectors) = AsyncStream.makeStream(of: String.self)
                (self.selectors, watched) = (selectors, selector)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await self.follow(selector, changed) }
                    group.addTask { for await other in seen where other != selector { return } }
                    try await group.next()
                    group.cancelAll()
                }
                if Task.isCancelled { return }
                logger.notice("the selector has changed: other pods are watched", metadata: ["target": "\(name)"])
                forgetPods("The pods of the Deployment's new selector have not been listed yet.")
            } catch {
                if Task.isCancelled { return }
                apply(error)
                guard await pause(for: .seconds(2)) else { return }
            }
        }
    }

    private func follow(_ selector: String, _ changed: @escaping @Sendable () -> Void) async throws {
        for try await change in client.podChanges(matching: selector) {
            apply(change)
            changed()
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
        forgetPods(sentence)
    }

    private func forgetPods(_ why: String) {
        trouble = why
        watched = nil
        pods = PodSet()
        changes += 1
    }

    /// See ``ScaleTarget/observe()``.
    public func observe() async throws -> TargetState {
        let scale = try await client.scale(of: deployment)
        selectors?.yield(scale.selector ?? "")
        guard scale.selector ?? "" == watched else {
            throw TargetError.outOfDate(
                "The pods of the selector \(scale.selector ?? "\"\"") have not been listed yet.")
        }
        guard pods.isCurrent else { throw TargetError.outOfDate(trouble) }
        let now = Date()
        return TargetState(
            replicas: scale.replicas,
            members: pods.pods.filter { !$0.isFinished }.map { FleetMember($0, at: now) },
            created: scale.currentReplicas,
            refusal: scale.replicas > scale.currentReplicas ? known?.replicaFailure : nil,
            isAsCreated: known?.metadata.generation == 1 && known?.metadata.uid == scale.metadata.uid,
            identity: scale.metadata.uid, version: scale.metadata.resourceVersion)
    }

    // MARK: - Acting

    /// See ``ScaleTarget/resize(_:to:leaving:)``.
    public func resize(_ state: TargetState, to replicas: Int, leaving: [String]) async throws {
        if replicas < state.replicas { try await setDeletionCosts(leaving: Set(leaving)) }
        var version = state.version
        for attempt in 1... {
            do {
                try await client.setScale(of: deployment, to: replicas, ifVersion: version)
                known?.metadata.generation = nil
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
    private func setDeletionCosts(leaving: Set<String>) async throws {
        let present = pods.pods.filter { !$0.isTerminating && !$0.isFinished }
        cheapened.formIntersection(present.map(\.name))
        for pod in present where !leaving.contains(pod.name) {
            guard cheapened.contains(pod.name) || pod.deletionCost == Self.leavingCost else { continue }
            try await client.setDeletionCost(of: pod.name, to: nil)
            cheapened.remove(pod.name)
        }
        for id in leaving.sorted() {
            cheapened.insert(id)
            try await client.setDeletionCost(of: id, to: Self.leavingCost)
        }
    }

    /// Marks busy pods so that neither Karpenter nor the Cluster Autoscaler moves them to save a node. It is for their good
    /// only: a pod that cannot be marked is told of by the caller, and the next round tries again.
    public func protect(_ busy: Set<String>) async throws {
        let present = pods.pods.filter { !$0.isTerminating && !$0.isFinished }
        for pod in present {
            let isGuarded = guarded?.contains(pod.name) ?? pod.isGuarded
            let isBusy = busy.contains(pod.name)
            guard isBusy != isGuarded else { continue }
            try await client.setGuard(of: pod.name, to: isBusy)
        }
        guarded = busy.intersection(present.map(\.name))
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

extension FleetMember {
    /// A pod as a worker. Ages are measured by our clock against the cluster's.
    init(_ pod: Pod, at now: Date) {
        func age(_ since: Date?) -> Duration { .seconds(max(0, now.timeIntervalSince(since ?? now))) }
        let scheduled = pod.status?.conditions?.first { $0.type == "PodScheduled" }
        let isPlaced = pod.spec?.nodeName != nil || scheduled?.status == "True"
        let phase: Replica.Phase =
            if pod.isTerminating {
                .terminating
            } else if pod.isReady {
                .ready
            } else if isPlaced {
                .starting(age(scheduled?.lastTransitionTime ?? pod.metadata.creationTimestamp))
            } else {
                .pending(age(pod.metadata.creationTimestamp))
            }
        let containers = pod.status?.containerStatuses ?? []
        let kills = containers.flatMap { [$0.state?.terminated, $0.lastState?.terminated] }.compactMap(\.self)
            .filter { $0.reason == "OOMKilled" }
        self.init(
            id: pod.name, phase: phase,
            isStopped: containers.isEmpty
                || containers.allSatisfy { $0.state?.waiting != nil || $0.state?.terminated != nil },
            killedForMemory: kills.map { age($0.finishedAt) }.min(),
            obstacle: pod.isReady ? nil : pod.waitingReason ?? pod.unschedulableReason, revision: pod.revision,
            metrics: pod.metricsAddress)
    }
}
