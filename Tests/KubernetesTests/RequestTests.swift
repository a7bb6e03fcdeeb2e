import Foundation
import Kubernetes
import Testing

/// What is sent, as text, without a cluster.
@Suite struct RequestTests {
    @Test func scale() throws {
        #expect(
            "\(APIRequest.scale(of: "worker", in: "msaas"))"
                == "GET /apis/apps/v1/namespaces/msaas/deployments/worker/scale")
        #expect(
            "\(try APIRequest.setScale(of: "worker", to: 5, in: "msaas"))" == """
                PATCH /apis/apps/v1/namespaces/msaas/deployments/worker/scale
                Content-Type: application/merge-patch+json

                {"spec":{"replicas":5}}
                """)
        #expect(
            "\(try APIRequest.setScale(of: "worker", to: 0, ifVersion: "324", in: "msaas"))" == """
                PATCH /apis/apps/v1/namespaces/msaas/deployments/worker/scale
                Content-Type: application/merge-patch+json

                {"metadata":{"resourceVersion":"324"},"spec":{"replicas":0}}
                """)
    }

    @Test func pods() throws {
        #expect(
            "\(APIRequest.pods(matching: "app.kubernetes.io/name=worker", limit: 2, in: "msaas"))"
                == "GET /api/v1/namespaces/msaas/pods?labelSelector=app.kubernetes.io%2Fname%3Dworker&limit=2")
        #expect(
            "\(APIRequest.podChanges(matching: "a in (b,ü)", since: "345", seconds: 300, in: "msaas"))"
                == "GET /api/v1/namespaces/msaas/pods?watch=1&allowWatchBookmarks=true"
                + "&labelSelector=a%20in%20%28b%2C%C3%BC%29&resourceVersion=345&timeoutSeconds=300")
        #expect(
            "\(try APIRequest.annotate(pod: "w-1", with: ["b/c": "-100", "d": nil], in: "msaas"))" == """
                PATCH /api/v1/namespaces/msaas/pods/w-1
                Content-Type: application/merge-patch+json

                {"metadata":{"annotations":{"b/c":"-100","d":null}}}
                """)
    }

    @Test func leases() throws {
        let time = Date(timeIntervalSince1970: 1_795_374_000)
        var lease = Lease(
            name: "msaas-autoscaler",
            spec: .init(
                holderIdentity: "a", leaseDurationSeconds: 15, acquireTime: time, renewTime: time, leaseTransitions: 0))
        #expect(
            "\(try APIRequest.create(lease, in: "msaas"))" == """
                POST /apis/coordination.k8s.io/v1/namespaces/msaas/leases
                Content-Type: application/json

                {"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"msaas-autoscaler"},"spec":{\
                "acquireTime":"2026-11-22T19:00:00.000000Z","holderIdentity":"a","leaseDurationSeconds":15,\
                "leaseTransitions":0,"renewTime":"2026-11-22T19:00:00.000000Z"}}
                """)
        lease.metadata.resourceVersion = "327"
        #expect(
            "\(try APIRequest.update(lease, in: "msaas"))".hasPrefix(
                "PUT /apis/coordination.k8s.io/v1/namespaces/msaas/leases/msaas-autoscaler\n"))
    }

    @Test func listsAndEscaping() {
        #expect("\(APIRequest.resourceQuotas(in: "msaas"))" == "GET /api/v1/namespaces/msaas/resourcequotas")
        #expect("\(APIRequest.nodes(matching: "pool=gpu"))" == "GET /api/v1/nodes?labelSelector=pool%3Dgpu")
        #expect(
            "\(APIRequest.deployment("../a b", in: "x/y"))"
                == "GET /apis/apps/v1/namespaces/x%2Fy/deployments/..%2Fa%20b")
    }

    @Test func longNotesAreCut() {
        let regarding = Event.ObjectReference(
            apiVersion: "apps/v1", kind: "Deployment", namespace: "msaas", name: "worker", uid: "u")
        let event = Event(
            reason: "ScaledUp", action: "Scale", note: String(repeating: "é", count: 600), regarding: regarding,
            at: Date(), reportingController: "msaas.example/autoscaler", reportingInstance: "autoscaler-0")
        #expect(event.note.utf8.count <= 1024 && event.note.hasSuffix("é…"))
        #expect(event.metadata.name?.wholeMatch(of: #/worker\.[0-9a-f]+/#) != nil)
    }

    /// What a Role for the autoscaler must allow; the manifests are compared with the same list.
    @Test func permissions() {
        let rules = Set(APICall.permissions.map { "\($0.scope) \($0.verb) \($0.group)/\($0.resource)" })
        #expect(
            rules == [
                "namespace get apps/deployments", "namespace get apps/deployments/scale",
                "namespace patch apps/deployments/scale", "namespace list /pods", "namespace watch /pods",
                "namespace patch /pods", "namespace get coordination.k8s.io/leases",
                "namespace create coordination.k8s.io/leases", "namespace update coordination.k8s.io/leases",
                "namespace create events.k8s.io/events", "namespace list /resourcequotas", "cluster list /nodes",
            ])
    }
}
