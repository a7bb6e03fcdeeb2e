import TestSupport
import Testing
import Yams

/// What selects what.
@Suite struct SelectorTests {
    @Test(arguments: Rendering.names)
    func workloadsSelectTheirOwnPods(name: String) async throws {
        let workloads = try await Rendering(name).workloads
        for workload in workloads where workload.kind != "Job" {
            let selector = try Selector(workload["spec", "selector"])
            #expect(workloads.filter { selector.matches($0.podLabels) }.map(\.title) == [workload.title])
        }
    }

    @Test(arguments: Rendering.names)
    func servicesReachOnePort(name: String) async throws {
        let rendering = try await Rendering(name)
        for service in rendering.all("Service") {
            let labels = service["spec", "selector"]?.strings ?? [:]
            let selected = rendering.workloads.filter { workload in
                labels.allSatisfy { workload.podLabels[$0.key] == $0.value }
            }
            #expect(selected.count == 1, "\(service.title) selects \(selected.map(\.title))")
            let ports = selected.flatMap(\.containers).flatMap { $0["ports"]?.items ?? [] }.compactMap {
                $0.text("name")
            }
            for port in service["spec", "ports"]?.items ?? [] {
                #expect(ports.contains(port.text("targetPort") ?? ""), "\(service.title): \(port)")
            }
        }
        for set in rendering.all("StatefulSet") {
            _ = try rendering.object("Service", try #require(set.node.text("spec", "serviceName")))
        }
    }

    @Test(arguments: Rendering.names)
    func budgetsCoverOneWorkload(name: String) async throws {
        let rendering = try await Rendering(name)
        var covered: [String] = []
        for budget in rendering.all("PodDisruptionBudget") {
            let selector = try Selector(budget["spec", "selector"])
            covered += rendering.workloads.filter { selector.matches($0.podLabels) }.map(\.title)
        }
        #expect(covered.sorted() == rendering.all("Deployment").map(\.title).sorted())
    }

    @Test(arguments: Rendering.names)
    func theIngressShowsOnlyWhatClientsMayCall(name: String) async throws {
        let rendering = try await Rendering(name)
        let ingress = try rendering.object("Ingress", "msaas")
        var paths: [String: String] = [:]
        for path in ingress["spec", "rules"]?.items.flatMap({ $0.at("http", "paths")?.items ?? [] }) ?? [] {
            let backend = try #require(path.at("backend", "service"))
            let service = try rendering.object("Service", try #require(backend.text("name")))
            let ports = service["spec", "ports"]?.items.compactMap { $0.text("name") } ?? []
            #expect(ports.contains(backend.text("port", "name") ?? ""))
            paths[path.text("path") ?? ""] = service.name
            #expect(path.text("pathType") == (path.text("path") == "/" ? "Exact" : "Prefix"))
        }
        // Every host knows sessions.
        var expected = ["/session": "fetch"]
        for pod in FunctionPod.all where pod.servesClients {
            for prefix in try pod.prefixes { expected[prefix] = pod.name }
        }
        #expect(paths == expected, "k8s/base/ingress.yaml has what function.yaml of the functions for clients says")
    }
}
