import Foundation
import HTTPTransport
import Kubernetes
import KubernetesDouble
import TestSupport
import Testing

/// The client against the double, over a socket.
@Suite(.timeLimit(.minutes(2))) struct ClientTests {
    private let cluster: ClusterDouble

    init() throws {
        cluster = ClusterDouble()
        try cluster.putWorker(replicas: 2)
    }

    @Test func scaleAndConflict() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            let client = server.client()
            let before = try await client.scale(of: "worker")
            #expect(before.replicas == 2)
            #expect(try await client.setScale(of: "worker", to: 0).replicas == 0)
            #expect(cluster.replicas(of: "worker") == 0)
            let version = before.metadata.resourceVersion
            await #expect { try await client.setScale(of: "worker", to: 3, ifVersion: version) } throws: {
                if case KubernetesError.conflict = $0 { true } else { false }
            }
            let deployment = try await client.deployment("worker")
            #expect(deployment.memoryRequest == 600 << 20 && deployment.metadata.uid == before.metadata.uid)
            await #expect { try await client.scale(of: "nope") } throws: {
                if case KubernetesError.notFound = $0 { true } else { false }
            }
        }
    }

    @Test func leasesHaveOneHolder() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            let client = server.client()
            #expect(try await client.lease("leader") == nil)
            let now = Date()
            let wanted = Lease(
                name: "leader",
                spec: .init(
                    holderIdentity: "a", leaseDurationSeconds: 15, acquireTime: now, renewTime: now, leaseTransitions: 0
                ))
            let created = try await client.create(wanted)
            var mine = created
            mine.spec.renewTime = now + 1
            let renewed = try await client.update(mine)
            #expect(renewed.metadata.resourceVersion != created.metadata.resourceVersion)
            var theirs = created
            theirs.spec.holderIdentity = "b"
            await #expect { _ = try await client.update(theirs) } throws: {
                if case KubernetesError.conflict = $0 { true } else { false }
            }
            #expect(try await client.lease("leader")?.spec.holderIdentity == "a")
            theirs.metadata.resourceVersion = nil
            await #expect { _ = try await client.update(theirs) } throws: {
                if case KubernetesError.invalid = $0 { true } else { false }
            }
        }
    }

    @Test func eventsRoomAndCost() async throws {
        try cluster.putNode("node-a", memory: "16Gi")
        try cluster.put(
            .resourcequotas, ["metadata": ["name": "memory"], "spec": ["hard": ["requests.memory": "4Gi"]]])
        try cluster.putPod("worker-a")
        try await DoubleServer.with(cluster) { server async throws in
            let client = server.client()
            let deployment = try await client.deployment("worker")
            let event = Event(
                .warning, reason: "Capped", action: "Scale", note: "memory 3 of 5",
                regarding: .init(deployment, namespace: "msaas"), at: Date(),
                reportingController: "msaas.example/autoscaler", reportingInstance: "autoscaler-0")
            try await client.create(event)
            try await client.create(event)
            let stored = try #require(cluster.objects(.events).first)
            #expect(cluster.objects(.events).count == 1)
            #expect(stored["regarding"]?["uid"]?.string == deployment.metadata.uid && stored["type"] == "Warning")
            #expect(try await client.nodes().map(\.allocatableMemory) == [16 << 30])
            #expect(try await client.resourceQuotas().first?.left("requests.memory") == (try Quantity("4Gi")))
            try await client.setDeletionCost(of: "worker-a", to: -5)
            #expect(cluster.pods.first?.deletionCost == -5)
            try await client.setDeletionCost(of: "worker-a", to: nil)
            #expect(cluster.pods.first?.metadata.annotations?[Pod.deletionCostAnnotation] == nil)
        }
    }

    @Test func listsComeInPages() async throws {
        for number in 0..<1203 { try cluster.putPod("worker-\(number)") }
        try await DoubleServer.with(cluster) { server async throws in
            #expect(try await server.client().pods(matching: "app.kubernetes.io/name=worker").count == 1203)
            #expect(cluster.calls.count == 3)
            #expect(try await server.client().pods(matching: "app.kubernetes.io/name=other").isEmpty)
        }
    }

    @Test func passingFailuresAreRepeated() async throws {
        let pauses = Recorder<Duration>()
        try await DoubleServer.with(cluster) { server async throws in
            let client = server.client(retry: .recording(pauses))
            cluster.refuse(next: 1, status: 429, retryAfter: 3)
            cluster.refuse(next: 1, status: 503)
            cluster.hangUp(next: 1)
            #expect(try await client.setScale(of: "worker", to: 4).replicas == 4)
            #expect(pauses.values == [.seconds(3), .milliseconds(400), .milliseconds(800)])
            cluster.refuse(next: 4, status: 500)
            await #expect { _ = try await client.scale(of: "worker") } throws: {
                if case KubernetesError.unavailable(500, _, _) = $0 { true } else { false }
            }
            #expect(cluster.calls.count == 8)
            // Longer than we are ready to wait.
            cluster.refuse(next: 1, status: 429, retryAfter: 3600)
            await #expect { _ = try await client.scale(of: "worker") } throws: {
                ($0 as? KubernetesError)?.retryAfter == .seconds(3600)
            }
        }
    }

    @Test func nobodyThere() async throws {
        let pauses = Recorder<Duration>()
        let client = KubernetesClient(
            ClusterConfiguration(server: "http://127.0.0.1:1"), retry: .recording(pauses, attempts: 3))
        await #expect { _ = try await client.scale(of: "worker") } throws: {
            if case KubernetesError.unreachable(.cannotConnect) = $0 { true } else { false }
        }
        #expect(pauses.values.count == 2)
    }

    @Test func pausesGrowAndAreShortenedAtRandom() {
        var policy = RetryPolicy(attempts: 8)
        policy.generator = Constant(bits: 0)
        let longest = Array(policy.pauses)
        #expect(longest == [200, 400, 800, 1600, 3200, 5000, 5000].map { .milliseconds($0) })
        policy.generator = Constant(bits: .max - 0xffff)
        #expect(zip(policy.pauses, longest).allSatisfy { $0 < $1 && $0 > $1 / 2 })
    }

    @Test func cancellationEndsACall() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            cluster.refuseEverything()
            let client = server.client(
                retry: RetryPolicy(attempts: .max, first: .seconds(3600), longest: .seconds(3600)))
            let call = Task { try await client.scale(of: "worker") }
            try await cluster.until { !$0.calls.isEmpty }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
        }
    }
}
