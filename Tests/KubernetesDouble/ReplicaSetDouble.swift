import Encodings
import Foundation
public import Kubernetes
import Pacing

/// What the controllers, the scheduler and the kubelets of a cluster do about a Deployment whose scale changes: pods come
/// (Pending, then Running and Ready) and go (marked, given time, removed).
public struct ReplicaSetDouble: Sendable {
    /// The cluster.
    public var cluster: ClusterDouble
    /// The Deployment's name.
    public var deployment: String
    /// Its namespace.
    public var namespace = "msaas"
    /// From a pod's creation until it is ready.
    public var startDelay = Duration.milliseconds(20)
    /// What happens when a pod is told to end; it is removed once this returns.
    public var onTermination: @Sendable (Pod) async -> Void = { _ in }
    /// What happens when a pod is ready.
    public var onStart: @Sendable (Pod) async -> Void = { _ in }

    /// Controllers for one Deployment.
    public init(_ cluster: ClusterDouble, deployment: String) {
        self.cluster = cluster
        self.deployment = deployment
    }

    /// Works until it is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await _ in cluster.ticks() {
                let (created, ended) = reconcile()
                for pod in created { group.addTask { await start(pod) } }
                for pod in ended { group.addTask { await end(pod) } }
            }
            group.cancelAll()
        }
    }

    // MARK: - The Deployment's pods

    /// Creates the pods that are missing and marks those that are too many. While there are pods of an older template, up to
    /// a quarter more pods than are set may live, and a quarter fewer be ready: old ones go as new ones become ready.
    private func reconcile() -> (created: [String], ended: [Pod]) {
        cluster.change { contents in
            guard let owner = try? contents.state.get(.deployments, namespace, deployment) else { return ([], []) }
            let wanted = owner["spec"]?["replicas"]?.int ?? 1
            let selector = owner["spec"]?["selector"]?["matchLabels"] ?? [:]
            let revision = Self.revision(of: owner)
            let active = contents.state.list(.pods, namespace)
                .filter { $0["metadata"]?["labels"]?.contains(selector) == true }.compactMap(\.pod)
                .filter { !$0.isTerminating && !$0.isFinished }
            let new = active.filter { $0.revision == revision || $0.revision == nil }
            let old = active.filter { $0.revision != revision && $0.revision != nil }
            let slack = old.isEmpty ? 0 : max(1, (wanted + 3) / 4)

            var created: [String] = []
            var failure: String?
            for _ in 0..<max(0, min(wanted - new.count, wanted + slack - active.count)) {
                let pod = template(owner, revision)
                failure = pod.pod?.spec.flatMap { contents.state.refusal(of: $0, namespace) }
                if failure != nil { break }
                let object = try? contents.state.create(.pods, namespace, pod, at: contents.clock())
                if let name = object?["metadata"]?["name"]?.string { created.append(name) }
            }
            let ready = active.count(where: \.isReady)
            let replaced = min(old.count, max(0, ready - (wanted - wanted / 4)))
            let victims =
                Self.victims(among: new, count: new.count - wanted)
                + Self.victims(among: old, count: max(replaced, active.count - wanted - slack))
            let mark = Timestamp.seconds(contents.clock())
            for pod in victims {
                _ = try? contents.state.patch(
                    .pods, namespace, pod.name, ["metadata": ["deletionTimestamp": .string(mark)]])
            }
            report(active.count + created.count - victims.count, failure, owner, &contents)
            return (created, victims)
        }
    }

    /// Writes into the Deployment's status how many pods there are, and why there are no more.
    private func report(
        _ count: Int, _ failure: String?, _ owner: JSONValue, _ contents: inout ClusterDouble.Contents
    ) {
        let message = failure.map { "pods \"\(deployment)-\(Self.revision(of: owner))-x\" is forbidden: \($0)" }
        let conditions: JSONValue =
            message.map {
                [["type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": .string($0)]]
            } ?? []
        let status = owner["status"]
        guard status?["replicas"]?.int != count || (status?["conditions"] ?? []) != conditions else { return }
        _ = try? contents.state.patch(
            .deployments, namespace, deployment, ["status": ["replicas": .int(count), "conditions": conditions]])
    }

    /// The name of a version of the template: ten digits made of its text.
    fileprivate static func revision(of owner: JSONValue) -> String {
        let text = (try? JSONEncoder.kubernetes.encode(owner["spec"]?["template"] ?? [:])) ?? Data()
        let number = text.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        return String(String(number, radix: 16).suffix(10))
    }

    private func template(_ owner: JSONValue, _ revision: String) -> JSONValue {
        let name = deployment + "-" + revision
        var labels =
            owner["spec"]?["template"]?["metadata"]?["labels"] ?? owner["spec"]?["selector"]?["matchLabels"] ?? [:]
        labels["pod-template-hash"] = .string(revision)
        return [
            "metadata": [
                "generateName": .string(name + "-"), "labels": labels,
                "ownerReferences": [
                    [
                        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": .string(name),
                        "uid": owner["metadata"]?["uid"] ?? "", "controller": true,
                    ]
                ],
            ],
            "spec": owner["spec"]?["template"]?["spec"] ?? [:],
            "status": ["phase": "Pending"],
        ]
    }

    // MARK: - The life of a pod

    private func start(_ name: String) async {
        guard await pause(for: startDelay) else { return }
        for await _ in cluster.ticks() {
            guard let pod = cluster.object(.pods, name, namespace: namespace)?.pod, !pod.isTerminating else { return }
            if let running = schedule(name) { return await onStart(running) }
        }
    }

    /// Puts a pod on the node with the most room and runs it, or says why there is no room. `nil` if so.
    private func schedule(_ name: String) -> Pod? {
        cluster.change { contents in
            guard let pod = (try? contents.state.get(.pods, namespace, name))?.pod, !pod.isTerminating else {
                return nil
            }
            let now = Timestamp.seconds(contents.clock())
            func condition(_ type: String, _ isTrue: Bool, _ message: String? = nil) -> JSONValue {
                var condition: JSONValue = [
                    "type": .string(type), "status": isTrue ? "True" : "False", "lastTransitionTime": .string(now),
                ]
                if let message { (condition["reason"], condition["message"]) = ("Unschedulable", .string(message)) }
                return condition
            }
            guard let node = node(for: pod, contents) else {
                let count = contents.state.list(.nodes, nil).count
                let message = "0/\(count) nodes are available: \(count) Insufficient memory."
                if pod.unschedulableReason != message {
                    let state: JSONValue = ["conditions": [condition("PodScheduled", false, message)]]
                    _ = try? contents.state.patch(.pods, namespace, name, ["status": state])
                }
                return nil
            }
            let container = pod.spec?.containers?.first?.name ?? deployment
            let running: JSONValue = [
                "spec": ["nodeName": .string(node)],
                "status": [
                    "phase": "Running", "conditions": [condition("PodScheduled", true), condition("Ready", true)],
                    "containerStatuses": [
                        [
                            "name": .string(container), "ready": true, "restartCount": 0,
                            "state": ["running": ["startedAt": .string(now)]],
                        ]
                    ],
                ],
            ]
            return (try? contents.state.patch(.pods, namespace, name, running))?.pod
        }
    }

    /// The node with the most room for a pod; any where the cluster says nothing of nodes.
    private func node(for pod: Pod, _ contents: ClusterDouble.Contents) -> String? {
        let nodes = contents.state.list(.nodes, nil)
        if nodes.isEmpty { return "node-a" }
        let pods = contents.state.list(.pods, nil).compactMap(\.pod).filter { !$0.isFinished }
        let rooms = nodes.compactMap { node -> (name: String, left: Int)? in
            guard let name = node["metadata"]?["name"]?.string,
                let memory = node["status"]?["allocatable"]?["memory"]?.string, let all = try? Quantity(memory).value
            else { return nil }
            let used = pods.filter { $0.spec?.nodeName == name }.reduce(0) { $0 + ($1.spec?.memoryRequest ?? 0) }
            return (name, all - used)
        }
        let need = pod.spec?.memoryRequest ?? 0
        return rooms.filter { $0.left >= need }.max { $0.left < $1.left }?.name
    }

    private func end(_ pod: Pod) async {
        await onTermination(pod)
        try? cluster.remove(.pods, pod.name, namespace: namespace)
    }
}

extension JSONValue {
    /// Whether every member of `other` is here with the same value.
    fileprivate func contains(_ other: JSONValue) -> Bool {
        (other.object ?? [:]).allSatisfy { self[$0.key] == $0.value }
    }
}

extension ReplicaSetDouble {
    /// Whom a ReplicaSet ends first, in the documented order: not on a node, pending, not ready, lower deletion cost, more
    /// of their kind on the same node, ready for a shorter time, more restarts, newer.
    public static func victims(among pods: [Pod], count: Int) -> [Pod] {
        guard count > 0 else { return [] }
        let neighbours = Dictionary(grouping: pods) { $0.spec?.nodeName ?? "" }.mapValues(\.count)
        let ranked = pods.sorted { left, right in
            for isFirst in comparisons(left, right, neighbours) {
                if let isFirst { return isFirst }
            }
            return left.name < right.name
        }
        return Array(ranked.prefix(count))
    }

    /// For each criterion whether `left` goes first; `nil` where it does not tell.
    private static func comparisons(_ left: Pod, _ right: Pod, _ neighbours: [String: Int]) -> [Bool?] {
        func lower<Value: Comparable>(_ value: (Pod) -> Value) -> Bool? {
            value(left) == value(right) ? nil : value(left) < value(right)
        }
        return [
            lower { $0.spec?.nodeName == nil ? 0 : 1 },
            lower { ["Pending": 0, "Unknown": 1][$0.status?.phase ?? "", default: 2] },
            lower { $0.isReady ? 1 : 0 },
            lower { $0.deletionCost },
            lower { -(neighbours[$0.spec?.nodeName ?? ""] ?? 0) },
            lower { pod in
                let ready = pod.status?.conditions?.first { $0.type == "Ready" && $0.status == "True" }
                return -(ready?.lastTransitionTime?.timeIntervalSinceReferenceDate ?? 0)
            },
            lower { -$0.restarts },
            lower { -($0.metadata.creationTimestamp?.timeIntervalSinceReferenceDate ?? 0) },
        ]
    }
}

extension ClusterDouble {
    /// The version of a Deployment's template, as its new pods bear it.
    public func revision(of deployment: String, namespace: String = "msaas") -> String? {
        object(.deployments, deployment, namespace: namespace).map { ReplicaSetDouble.revision(of: $0) }
    }
}
