import Encodings
import Foundation
import Kubernetes
import KubernetesDouble
import Testing

/// The double's own behaviour, which other tests build on.
@Suite(.timeLimit(.minutes(2))) struct ReplicaSetTests {
    private func pod(_ name: String, _ fields: JSONValue) throws -> Pod {
        let base: JSONValue = [
            "metadata": ["name": .string(name), "creationTimestamp": "2026-11-22T19:00:00Z"],
            "spec": ["nodeName": "n"],
            "status": [
                "phase": "Running",
                "conditions": [["type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T19:00:00Z"]],
            ],
        ]
        let data = try JSONEncoder.kubernetes.encode(base.merged(with: fields))
        return try JSONDecoder.kubernetes.decode(Pod.self, from: data)
    }

    @Test func victimsInTheDocumentedOrder() throws {
        let cost = Pod.deletionCostAnnotation
        let pods = [
            try pod("h-newer", ["metadata": ["creationTimestamp": "2026-11-22T19:00:01Z"], "spec": ["nodeName": "m"]]),
            try pod("i-plain", ["spec": ["nodeName": "m"]]),
            try pod("j-costly", ["metadata": ["annotations": .object([cost: "10"])]]),
            try pod("d-cheap", ["metadata": ["annotations": .object([cost: "-10"])]]),
            try pod(
                "f-young",
                [
                    "spec": ["nodeName": "m"],
                    "status": [
                        "conditions": [
                            ["type": "Ready", "status": "True", "lastTransitionTime": "2026-11-22T20:00:00Z"]
                        ]
                    ],
                ]),
            try pod(
                "g-restarts",
                ["spec": ["nodeName": "m"], "status": ["containerStatuses": [["name": "c", "restartCount": 3]]]]),
            try pod("e-crowded", [:]), try pod("e-crowded2", [:]),
            try pod("k", ["metadata": ["annotations": .object([cost: "11"])]]),
            try pod(
                "c-unready", ["status": ["conditions": .null], "metadata": ["annotations": .object([cost: "99"])]]),
            try pod("b-pending", ["status": ["phase": "Pending", "conditions": .null]]),
            try pod(
                "a-unassigned", ["spec": ["nodeName": .null], "status": ["phase": "Pending", "conditions": .null]]),
        ]
        let order = ReplicaSetDouble.victims(among: pods.shuffled(), count: 12).map { String($0.name.prefix(1)) }
        #expect(order.joined() == "abcdeefghijk")
        #expect(ReplicaSetDouble.victims(among: pods, count: -1).isEmpty)
    }

    @Test func podsComeAndGo() async throws {
        let cluster = ClusterDouble()
        try cluster.putWorker(replicas: 0)
        var controller = ReplicaSetDouble(cluster, deployment: "worker")
        let ended = Recorder<String>()
        controller.onTermination = { ended.add($0.name) }
        try await DoubleServer.with(cluster) { [controller] server async throws in
            let running = Task { await controller.run() }
            defer { running.cancel() }
            let client = server.client()
            try await client.setScale(of: "worker", to: 5)
            try await cluster.until { $0.pods.filter(\.isReady).count == 5 }
            #expect(try await client.scale(of: "worker").currentReplicas == 5)
            let victim = cluster.pods[3].name
            try await client.setDeletionCost(of: victim, to: -100)
            try await client.setScale(of: "worker", to: 4)
            try await cluster.until { $0.pods.count == 4 }
            #expect(ended.values == [victim])
            try await client.setScale(of: "worker", to: 0)
            try await cluster.until { $0.pods.isEmpty }
            #expect(try await client.scale(of: "worker").replicas == 0)
        }
    }

    @Test func memoryIsFinite() async throws {
        let cluster = ClusterDouble()
        try cluster.putWorker(replicas: 5)
        try cluster.putNode("node-a", memory: "1300Mi")
        try cluster.put(
            .resourcequotas, ["metadata": ["name": "memory"], "spec": ["hard": ["requests.memory": "1800Mi"]]])
        let controller = ReplicaSetDouble(cluster, deployment: "worker")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await controller.run() }
            try await cluster.until {
                $0.pods.contains { $0.unschedulableReason != nil } && $0.pods.filter(\.isReady).count == 2
            }
            // Five are wanted, the quota lets in three, and the node has room for two.
            #expect(cluster.pods.count == 3)
            #expect(cluster.pods.first { !$0.isReady }?.unschedulableReason?.contains("Insufficient memory") == true)
            try cluster.putNode("node-b", memory: "1Gi")
            try await cluster.until { $0.pods.filter(\.isReady).count == 3 }
            group.cancelAll()
        }
    }
}
