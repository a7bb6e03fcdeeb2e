import Foundation
import HTTPTransport
import Kubernetes
import KubernetesDouble
import Testing

@Suite(.timeLimit(.minutes(2))) struct PermissionTests {
    private let cluster: ClusterDouble

    init() throws {
        cluster = ClusterDouble()
        try cluster.putWorker(replicas: 2)
    }

    /// Each call of the list needs exactly the permission that it says, which is what the error then names.
    @Test func everyCallNamesItsPermission() async throws {
        try cluster.putPod("worker-a")
        cluster.accept(token: "none", user: "nobody", permissions: [])
        let sample = Lease(
            name: "leader",
            spec: .init(
                holderIdentity: "a", leaseDurationSeconds: 15, acquireTime: Date(), renewTime: Date(),
                leaseTransitions: 0))
        try await DoubleServer.with(cluster) { server async throws in
            for call in APICall.allCases {
                func attempt(_ token: String) async throws {
                    let client = KubernetesClient(
                        ClusterConfiguration(
                            server: server.url, credentials: Credentials(token: .value(token)), namespace: "msaas"),
                        retry: .never)
                    switch call {
                    case .getDeployment: _ = try await client.deployment("worker")
                    case .getScale: _ = try await client.scale(of: "worker")
                    case .patchScale: _ = try await client.setScale(of: "worker", to: 1)
                    case .listPods: _ = try await client.pods()
                    case .watchPods:
                        var changes = client.podChanges().makeAsyncIterator()
                        _ = try await changes.next()
                        try cluster.putPod("worker-\(token)")
                        _ = try await changes.next()
                    case .patchPod: _ = try await client.setDeletionCost(of: "worker-a", to: 1)
                    case .getLease: _ = try await client.lease("leader")
                    case .createLease: _ = try await client.create(sample)
                    case .updateLease:
                        let version = cluster.object(.leases, "leader")?["metadata"]?["resourceVersion"]?.string
                        var lease = sample
                        lease.metadata.resourceVersion = version
                        _ = try await client.update(lease)
                    case .createEvent:
                        try await client.create(
                            Event(
                                reason: "R", action: "A", note: "n",
                                regarding: .init(
                                    apiVersion: "apps/v1", kind: "Deployment", namespace: "msaas", name: "worker",
                                    uid: nil),
                                at: Date(), reportingController: "msaas.example/a", reportingInstance: "i"))
                    case .listResourceQuotas: _ = try await client.resourceQuotas()
                    case .listNodes: _ = try await client.nodes()
                    }
                }
                let others = call == .watchPods ? [APICall.listPods.permission] : []
                cluster.accept(token: "without", user: "x", permissions: Set(others))
                await #expect("\(call)") { try await attempt("without") } throws: { error in
                    guard case KubernetesError.forbidden(let permission, _, _) = error else { return false }
                    return permission == call.permission && "\(error)".contains("grant it: add \(call.permission.rule)")
                }
                cluster.accept(token: "with", user: "x", permissions: Set(others + [call.permission]))
                try await attempt("with")
            }
        }
    }
}
