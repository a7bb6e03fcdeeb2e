import Streams
import Foundation
import HTTPTransport
import Kubernetes
import Testing

/// The client against answers recorded from a real API server.
@Suite struct FixtureTests {
    @Test func scale() async throws {
        let replay = try Replay("scale-get", "scale-patch")
        let client = KubernetesClient(replay)
        let scale = try await client.scale(of: "worker")
        #expect(scale.replicas == 5 && scale.currentReplicas == 5)
        #expect(scale.selector == "app.kubernetes.io/name=worker")
        #expect(scale.metadata.resourceVersion == "324")
        #expect(try await client.setScale(of: "worker", to: 5).currentReplicas == 0)
        let patch = try #require(replay.requests.last)
        #expect(patch.headers["Content-Type"] == "application/merge-patch+json")
        #expect(patch.url == "https://cluster.test/apis/apps/v1/namespaces/msaas/deployments/worker/scale")
    }

    @Test func pods() async throws {
        let replay = Replay([
            { try Fixture("pods-list").response },
            { HTTPResponse(status: 200, body: ByteStream(Data(#"{"metadata":{"resourceVersion":"340"}}"#.utf8))) },
        ])
        let pods = try await KubernetesClient(replay).pods(matching: "app.kubernetes.io/name=worker")
        #expect(pods.count == 2)
        let pod = try #require(pods.first)
        #expect(pod.name == "worker-85b9b68756-9t5pq" && pod.isPending && !pod.isReady && !pod.isTerminating)
        #expect(pod.spec?.memoryRequest == 600 << 20)
        #expect(pod.metadata.ownerReferences?.first?.kind == "ReplicaSet")
        #expect(replay.requests.last?.url.contains("&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEi") == true)
    }

    @Test func annotation() async throws {
        let pod = try await KubernetesClient(try Replay("pod-annotate"))
            .setDeletionCost(of: "worker-85b9b68756-9t5pq", to: -100)
        #expect(pod.deletionCost == -100)
    }

    @Test func watch() async throws {
        let list = #"{"metadata":{"resourceVersion":"345"},"items":[]}"#
        let replay = Replay([
            { HTTPResponse(status: 200, body: ByteStream(Data(list.utf8))) },
            { try Fixture("pods-watch").response },
            { try Fixture("pods-watch-gone").response },
            { HTTPResponse(status: 200, body: ByteStream(Data(list.utf8))) },
        ])
        var changes: [String] = []
        var pods = PodSet()
        var iterator = KubernetesClient(replay, retry: .quick).podChanges().makeAsyncIterator()
        while changes.count < 5, let change = try await iterator.next() {
            pods.apply(change)
            switch change {
            case .snapshot(let pods): changes.append("snapshot of \(pods.count)")
            case .updated(let pod): changes.append("\(pod.name.suffix(5)) \(pod.isTerminating ? "ending" : "there")")
            case .removed(let pod): changes.append("\(pod.name.suffix(5)) gone")
            case .stale, .current: changes.append("\(change)")
            }
        }
        #expect(
            changes == ["snapshot of 0", "9t5pq ending", "9t5pq gone", "7ntgv there", "snapshot of 0"])
        // The second watch went on from the last bookmark; it was told 410, so the pods were listed again.
        #expect(replay.requests.count == 4)
        #expect(replay.requests[2].url.contains("resourceVersion=360&"))
        #expect(!replay.requests[3].url.contains("watch"))
    }

    @Test func leases() async throws {
        let client = KubernetesClient(try Replay("lease-create", "lease-exists", "lease-conflict"))
        let time = Date(timeIntervalSince1970: 1_795_374_000)
        let wanted = Lease(
            name: "msaas-autoscaler",
            spec: .init(
                holderIdentity: "a", leaseDurationSeconds: 15, acquireTime: time, renewTime: time, leaseTransitions: 0))
        let lease = try await client.create(wanted)
        #expect(lease.spec == wanted.spec && lease.metadata.resourceVersion == "327")
        await #expect { try await client.create(wanted) } throws: {
            if case KubernetesError.alreadyExists = $0 { true } else { false }
        }
        await #expect { try await client.update(lease) } throws: {
            if case KubernetesError.conflict(let status) = $0 { status.details?.kind == "leases" } else { false }
        }
    }

    @Test func room() async throws {
        let client = KubernetesClient(try Replay("quota-list", "nodes-list"))
        let quota = try #require(try await client.resourceQuotas().first)
        #expect(quota.left("requests.memory") == (try Quantity("1096Mi")))
        #expect(quota.left("limits.memory") == (try Quantity("2144Mi")))
        #expect(quota.left("pods") == nil)
        let node = try #require(try await client.nodes().first)
        #expect(node.allocatableMemory == 16 << 30 && node.isSchedulable)
    }

    @Test func event() async throws {
        let replay = try Replay("event-create", "lease-exists")
        let client = KubernetesClient(replay)
        let event = Event(
            reason: "ScaledUp", action: "Scale", note: "3 to 5: 40 jobs waiting",
            regarding: .init(apiVersion: "apps/v1", kind: "Deployment", namespace: "msaas", name: "worker", uid: nil),
            at: Date(timeIntervalSince1970: 1_795_374_000), reportingController: "msaas.example/autoscaler",
            reportingInstance: "autoscaler-0")
        try await client.create(event)
        try await client.create(event)  // the answer to the first was lost
        #expect(replay.requests.first?.url.hasSuffix("/apis/events.k8s.io/v1/namespaces/msaas/events") == true)
    }

    @Test(arguments: [
        (
            "scale-forbidden",
            "RBAC does not let \"system:serviceaccount:msaas:autoscaler\" patch deployments/scale in API group \"apps\" in "
                + "the namespace \"msaas\"; grant it: add {apiGroups: [\"apps\"], resources: [\"deployments/scale\"], "
                + "verbs: [\"patch\"]} to the rules of a Role that is bound to the account."
        ),
        ("scale-unauthorized", "does not accept a call without credentials: renew them"),
        ("scale-notfound", "check its name and the namespace. The server says: deployments.apps \"nope\" not found"),
        ("scale-conflict", "The object was changed by somebody else in the meantime"),
        ("scale-invalid", "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ("scale-badtype", "refused the call (HTTP 415). The server says: 415: Unsupported Media Type"),
    ])
    func refusals(fixture: String, sentence: String) async throws {
        let client = KubernetesClient(try Replay(fixture))
        await #expect { try await client.setScale(of: "worker", to: 1) } throws: { "\($0)".contains(sentence) }
    }
}
