import TestSupport
import Testing
import Yams

/// Every hop of a song's way is open, and no other.
@Suite struct NetworkTests {
    /// Everybody outside who could want to talk.
    private static let outside: [Party] = [
        .pod("ingress-nginx", in: "ingress-nginx"), .pod("prometheus", in: "monitoring"),
        .pod("keda-operator", in: "keda"),
        .pod("dns", in: "kube-system", labels: ["k8s-app": "kube-dns"]), .pod("kube-proxy", in: "kube-system"),
        .pod("stranger", in: "default", labels: ["app.kubernetes.io/name": "worker"]),
        .host("google-balancer", "35.191.0.7"), .host("google-health", "130.211.1.9"), .host("api-server", "10.96.0.1"),
        .host("neighbour", "192.168.7.7"), .host("node-dns", "169.254.20.10"), .host("metadata", "169.254.169.254"),
        .host("internet", "93.184.216.34"),
    ]

    private static let ports = [
        ("UDP", 53), ("TCP", 53), ("TCP", 22), ("TCP", 80), ("TCP", 443), ("TCP", 4318), ("TCP", 6379), ("TCP", 6443),
        ("TCP", 8080),
        ("TCP", 9000), ("TCP", 9001), ("TCP", 9090), ("TCP", 9091), ("TCP", 10250),
    ]

    /// What must be possible on any cluster.
    private static var everywhere: Set<Hop> {
        var hops: Set<Hop> = [
            Hop("minio", "separate", "8080"), Hop("prometheus", "autoscaler", "9090"),
        ]
        for pod in FunctionPod.using(.storage) + ["worker", "setup"] { hops.insert(Hop(pod, "minio", "9000")) }
        for pod in FunctionPod.using(.redis) + ["worker", "autoscaler"] { hops.insert(Hop(pod, "redis", "6379")) }
        for function in FunctionPod.names { hops.insert(Hop("autoscaler", function, "9090")) }
        for pod in FunctionPod.names + ["worker"] {
            hops.insert(Hop("prometheus", pod, "9090"))
            // The collector of traces stands in Prometheus's namespace.
            hops.insert(Hop(pod, "prometheus", "4318"))
        }
        for pod in pods {
            hops.insert(Hop(pod, "dns", "53"))
            hops.insert(Hop(pod, "dns", "53/UDP"))
        }
        // The API server has no label; what else listens on its ports is reached too, but nothing of ours.
        for party in outside {
            for port in ["443", "6443"] { hops.insert(Hop("autoscaler", party.name, port)) }
        }
        return hops
    }

    private static let pods = ["redis", "minio", "setup", "worker", "autoscaler"] + FunctionPod.names

    private static func expected(_ name: String) -> Set<Hop> {
        var hops = everywhere
        for address in ["internet", "google-balancer", "google-health"] {
            for function in FunctionPod.using(.internet) { hops.insert(Hop(function, address, "443")) }
        }
        for function in FunctionPod.forClients {
            switch name {
            case "overlays/local", "overlays/keda":
                for party in outside { hops.insert(Hop(party.name, function, "8080")) }
            case "overlays/gke":
                hops.insert(Hop("google-balancer", function, "8080"))
                hops.insert(Hop("google-health", function, "8080"))
            default: hops.insert(Hop("ingress-nginx", function, "8080"))
            }
        }
        if name == "overlays/keda" {
            hops.formUnion([
                Hop("keda-operator", "keda-scaler", "9091"), Hop("keda-scaler", "redis", "6379"),
                Hop("keda-scaler", "dns", "53"),
                Hop("keda-scaler", "dns", "53/UDP"),
            ])
        }
        if name == "overlays/gke" {
            for address in ["internet", "google-balancer", "google-health"] {
                hops.insert(Hop("worker", address, "443"))
            }
            for pod in pods {
                for resolver in ["node-dns", "metadata"] {
                    hops.insert(Hop(pod, resolver, "53"))
                    hops.insert(Hop(pod, resolver, "53/UDP"))
                }
            }
        }
        return hops
    }

    @Test(arguments: Rendering.names)
    func exactlyTheHopsOfTheFlowAreOpen(name: String) async throws {
        let rendering = try await Rendering(name)
        let ours = rendering.workloads.map { workload in
            Party(name: workload.name, isOurs: true, labels: workload.podLabels, namespace: "msaas")
        }
        #expect(Set(ours.map(\.name)) == Set(Self.pods + (name == "overlays/keda" ? ["keda-scaler"] : [])))
        let network = Network(rendering)
        var open: Set<Hop> = []
        for from in ours + Self.outside {
            for to in ours + Self.outside where (from.isOurs || to.isOurs) && from != to {
                for (transport, port) in Self.ports where try network.allows(from, to, transport, port) {
                    open.insert(Hop(from.name, to.name, transport == "TCP" ? "\(port)" : "\(port)/\(transport)"))
                }
            }
        }
        let expected = Self.expected(name)
        #expect(open.subtracting(expected) == [], "open, but nobody needs it")
        #expect(expected.subtracting(open) == [], "needed, but closed")
    }

    @Test(arguments: Rendering.names)
    func everyPolicySelectsSomething(name: String) async throws {
        let rendering = try await Rendering(name)
        for policy in rendering.all("NetworkPolicy") {
            let selector = try Selector(policy["spec", "podSelector"])
            #expect(rendering.workloads.contains { selector.matches($0.podLabels) }, "\(policy.title)")
        }
    }
}
