import Controller
import Encodings
import Foundation
import Kubernetes
import KubernetesDouble
import Logging
import Policy
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct KubernetesTargetTests {
    private let cluster = ClusterDouble()

    private func with(
        room: KubernetesTarget.Room = .nodes, selector: String? = nil,
        _ body: (KubernetesTarget) async throws -> Void
    ) async throws {
        if cluster.replicas(of: "worker") == nil { try cluster.putWorker(replicas: 3) }
        try await DoubleServer.with(cluster) { server async throws in
            let target = KubernetesTarget(
                client: server.client(), deployment: "worker", room: room, nodeSelector: selector, identity: "me",
                logger: Logger(label: "target") { _ in SwiftLogNoOpLogHandler() })
            let running = Task { await target.run {} }
            defer { running.cancel() }
            try await eventually("the pods are watched") { (try? await target.observe()) != nil }
            try await body(target)
        }
    }

    private func putPod(_ name: String, _ fields: JSONValue = [:]) throws {
        let pod: JSONValue = [
            "metadata": ["name": .string(name), "labels": ["app": "worker"]],
            "spec": [
                "nodeName": "node-a",
                "containers": [["name": "worker", "resources": ["requests": ["memory": "600Mi"]]]],
            ],
            "status": [
                "phase": "Running", "conditions": [["type": "Ready", "status": "True"]],
                "containerStatuses": [["name": "worker", "state": ["running": [:]]]],
            ],
        ]
        try cluster.put(.pods, pod.merged(with: fields))
    }

    @Test func podsAsWorkers() async throws {
        let old = Timestamp.microseconds(Date() - 100)
        try putPod("a-ready")
        try putPod(
            "b-pending",
            [
                "spec": ["nodeName": .null],
                "status": ["phase": "Pending", "conditions": .null, "containerStatuses": .null],
            ])
        try putPod(
            "c-crashing",
            [
                "status": [
                    "conditions": [
                        ["type": "PodScheduled", "status": "True", "lastTransitionTime": .string(old)],
                        ["type": "Ready", "status": "False"],
                    ],
                    "containerStatuses": [
                        [
                            "name": "worker", "state": ["waiting": ["reason": "CrashLoopBackOff"]],
                            "lastState": ["terminated": ["reason": "OOMKilled", "finishedAt": .string(old)]],
                        ]
                    ],
                ]
            ])
        try putPod("d-going", ["metadata": ["deletionTimestamp": .string(old)]])
        try putPod("e-evicted", ["status": ["phase": "Failed"]])
        try await with { target in
            let state = try await target.observe()
            #expect(state.replicas == 3)
            #expect(state.members.map(\.id) == ["a-ready", "b-pending", "c-crashing", "d-going"])
            #expect(state.members[0] == FleetMember(id: "a-ready"))
            guard case .pending(let waiting) = state.members[1].phase else { throw TestFailure("not pending") }
            #expect(waiting < .seconds(50))
            guard case .starting(let starting) = state.members[2].phase else { throw TestFailure("not starting") }
            #expect(starting >= .seconds(100) && state.members[2].isStopped)
            #expect(try #require(state.members[2].killedForMemory) >= .seconds(100))
            #expect(state.members[3].phase == .terminating)
        }
    }

    @Test func aVersionThatIsBehindIsNoReasonToDecideAnew() async throws {
        try await with { target in
            let state = try await target.observe()
            try cluster.patch(.deployments, "worker", ["status": ["replicas": 1]])
            try await target.resize(state, to: 5, leaving: [])
            #expect(cluster.replicas(of: "worker") == 5)
            await #expect(throws: TargetError.changedMeanwhile(name: "deployment msaas/worker")) {
                try await target.resize(state, to: 4, leaving: [])
            }
            #expect(cluster.replicas(of: "worker") == 5)
        }
    }

    @Test func onlyThoseThatGoAreCheap() async throws {
        for name in ["a", "b", "c"] { try putPod(name) }
        try await with { target in
            func costs() -> [Int] { cluster.pods.map(\.deletionCost) }
            let state = try await target.observe()
            // The cost is set, but the number is not.
            try cluster.patch(.deployments, "worker", ["spec": ["replicas": 4]])
            await #expect(throws: TargetError.self) { try await target.resize(state, to: 2, leaving: ["a"]) }
            #expect(costs() == [KubernetesTarget.leavingCost, 0, 0])
            let newer = try await target.observe()
            try await target.resize(newer, to: 3, leaving: ["c"])
            #expect(costs() == [0, 0, KubernetesTarget.leavingCost])
            #expect(cluster.replicas(of: "worker") == 3)
            let calls = cluster.calls.filter { $0.method == "PATCH" }.map(\.target)
            #expect(calls.suffix(3).map { $0.split(separator: "/").last } == ["a", "c", "scale"])
        }
    }

    @Test func memoryRoom() async throws {
        try cluster.putNode("node-a", memory: "2Gi")
        try cluster.putNode("node-b", memory: "1Gi", taint: "gpu")
        try cluster.putNode("node-c", memory: "1Gi")
        try cluster.putQuota(memory: "3Gi")
        try putPod("a")
        try putPod("x", ["metadata": ["labels": ["app": "other"]], "spec": ["nodeName": "node-c"]])
        let mebi: Int64 = 1 << 20
        try await with { target in
            let room = try await target.headroom(for: try await target.observe())
            #expect(
                room
                    == Headroom(
                        request: 600 * mebi, nodes: [1448 * mebi, 424 * mebi],
                        quotas: [.init(resource: "requests.memory", workers: 3)]))
        }
        try await with(selector: "pool=node-b") { target in
            let room = try await target.headroom(for: try await target.observe())
            #expect(room.nodes == [1024 * mebi])
        }
        try await with(room: .quota) { target in
            let room = try await target.headroom(for: try await target.observe())
            #expect(room.nodes == nil && room.quotas == [.init(resource: "requests.memory", workers: 3)])
        }
        try await with(room: .none) { target in
            let room = try await target.headroom(for: try await target.observe())
            #expect(room == Headroom(request: 600 * mebi))
        }
    }

    @Test func nodesThatMayNotBeRead() async throws {
        let allowed: Set = [
            Permission("get", "deployments", group: "apps"), Permission("get", "deployments/scale", group: "apps"),
            Permission("list", "pods"), Permission("watch", "pods"), Permission("list", "resourcequotas"),
        ]
        try cluster.putNode("node-a", memory: "2Gi")
        try cluster.putWorker(replicas: 3)
        cluster.accept(token: "t", user: "system:serviceaccount:msaas:autoscaler", permissions: allowed)
        try await DoubleServer.with(cluster) { server async throws in
            let target = KubernetesTarget(
                client: server.client(token: .value("t")), deployment: "worker", identity: "me",
                logger: Logger(label: "target") { _ in SwiftLogNoOpLogHandler() })
            let running = Task { await target.run {} }
            defer { running.cancel() }
            try await eventually("the pods are watched") { (try? await target.observe()) != nil }
            let state = try await target.observe()
            #expect(try await target.headroom(for: state) == Headroom(request: 600 << 20))
            await #expect {
                try await target.resize(state, to: 4, leaving: [])
            } throws: {
                "\($0)".contains("verbs: [\"patch\"]")
            }
        }
    }
}
