import Encodings
import Foundation
import HTTPTransport
import Kubernetes
import KubernetesDouble
import Testing

/// The double answers what the real API server answered.
@Suite(.timeLimit(.minutes(2))) struct DoubleTests {
    private let cluster: ClusterDouble

    init() throws {
        cluster = ClusterDouble()
        try cluster.putWorker(replicas: 5)
    }

    private func call(
        _ server: DoubleServer, _ method: String, _ path: String, _ body: String? = nil,
        type: String = "application/merge-patch+json", token: String? = nil
    ) async throws -> (HTTPResponse, JSONValue) {
        var request = HTTPRequest(method: method, url: server.url + path)
        if let body {
            request.body = .bytes(Data(body.utf8))
            request.headers["Content-Type"] = type
        }
        request.headers["Authorization"] = token.map { "Bearer \($0)" }
        let response = try await CurlTransport().send(request)
        let data = try await response.body.collect(limit: 1 << 20)
        return (response, try JSONDecoder.kubernetes.decode(JSONValue.self, from: data))
    }

    private let scale = "/apis/apps/v1/namespaces/msaas/deployments/worker/scale"
    private let leases = "/apis/coordination.k8s.io/v1/namespaces/msaas/leases"
    private let lease = #"{"metadata":{"name":"msaas-autoscaler"},"spec":{"holderIdentity":"a"}}"#

    /// Every refusal, word for word.
    @Test func refusalsAreTheRecordedOnes() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            func expect(
                _ fixture: String, _ method: String, _ path: String, _ body: String? = nil,
                type: String = "application/merge-patch+json", token: String? = nil
            ) async throws {
                let recorded = try Fixture(fixture)
                let (response, body) = try await call(server, method, path, body, type: type, token: token)
                #expect(response.status == recorded.status)
                #expect(response.headers["Content-Type"] == "application/json")
                #expect(body == (try recorded.json))
            }
            let stale = #"{"metadata":{"name":"msaas-autoscaler","resourceVersion":"1"},"spec":{}}"#
            try await expect("scale-badtype", "PATCH", scale, #"{"spec":{"replicas":5}}"#, type: "application/json")
            try await expect("scale-invalid", "PATCH", scale, #"{"spec":{"replicas":-1}}"#)
            try await expect("scale-notfound", "GET", scale.replacingOccurrences(of: "worker", with: "nope"))
            try await expect(
                "scale-conflict", "PUT", scale, #"{"metadata":{"resourceVersion":"1"},"spec":{"replicas":1}}"#,
                type: "application/json")
            _ = try await call(server, "POST", leases, lease, type: "application/json")
            try await expect("lease-exists", "POST", leases, lease, type: "application/json")
            try await expect("lease-conflict", "PUT", leases + "/msaas-autoscaler", stale, type: "application/json")
            cluster.accept(
                token: "t", user: "system:serviceaccount:msaas:autoscaler", permissions: [APICall.getScale.permission])
            try await expect("scale-forbidden", "PATCH", scale, #"{"spec":{"replicas":5}}"#, token: "t")
            try await expect("scale-unauthorized", "GET", scale, token: "other")
        }
    }

    /// Objects have no field that the recorded ones lack, and all that a client may read.
    @Test func objectsHaveTheRecordedShape() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            let (_, read) = try await call(server, "GET", scale)
            #expect(try Fixture("scale-get").json.lacks(read) == [])
            #expect(try read.lacks(Fixture("scale-get").json) == [])
            let (created, object) = try await call(server, "POST", leases, lease, type: "application/json")
            #expect(created.status == 201)
            #expect(try Fixture("lease-create").json.lacks(object) == [])
        }
    }

    @Test func aRealKubectlUnderstandsIt() async throws {
        try cluster.putPod("worker-a")
        try cluster.putNode("node-a", memory: "16Gi")
        try await DoubleServer.with(cluster) { server async throws in
            let kubectl = try Kubectl(server)
            #expect(
                try await kubectl.run("get", "pods,deployments,nodes", "-o", "name").split(separator: "\n") == [
                    "pod/worker-a", "deployment.apps/worker", "node/node-a",
                ])
            #expect(try await kubectl.run("scale", "deployment", "worker", "--replicas=3").contains("scaled"))
            #expect(cluster.replicas(of: "worker") == 3)
            #expect(
                try await kubectl.run("annotate", "pod", "worker-a", "\(Pod.deletionCostAnnotation)=-7").contains(
                    "annotated"))
            #expect(cluster.pods.first?.deletionCost == -7)
            #expect(try await kubectl.run("get", "pods", "-w", "--request-timeout=2s").contains("worker-a"))
        }
    }
}

extension JSONValue {
    /// The paths of members that `other` has and this has not.
    fileprivate func lacks(_ other: JSONValue) -> [String] {
        (other.object ?? [:]).flatMap { key, value -> [String] in
            guard let own = self[key] else { return [key] }
            return own.lacks(value).map { "\(key).\($0)" }
        }.sorted()
    }
}
