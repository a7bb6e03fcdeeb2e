import Controller
import Foundation
import FunctionHost
import Kubernetes
import TestSupport
import Testing
import WorkerLoop
import Yams

/// What every pod must be like.
@Suite struct PodTests {
    @Test(arguments: Rendering.names)
    func imagesHaveVersions(name: String) async throws {
        let version = try #require(
            Project.text(of: "Makefile").split(separator: "\n").first { $0.hasPrefix("VERSION") }?
                .split(separator: "=").last?.trimmingCharacters(in: .whitespaces))
        let programs = try Project.text(of: "Sources/Foundations/ServiceContract/Version.swift")
        #expect(programs.contains("serviceVersion = \"\(version)\""), "the programs have another version")
        for workload in try await Rendering(name).workloads {
            for container in workload.containers + workload.initContainers {
                let image = try #require(container.text("image"))
                // What is pushed is named by its digest, which nobody can move; the comment beside it has the version.
                if name == "overlays/gke" {
                    #expect(image.wholeMatch(of: /\S+\.\S+\/\S+@sha256:[0-9a-f]{64}/) != nil, "\(image)")
                    continue
                }
                let parts = image.split(separator: "/").last?.split(separator: ":") ?? []
                #expect(parts.count == 2, "\(workload.title) runs \(image), which has no version")
                #expect(parts.last != "latest" && parts.last?.contains { $0.isNumber } == true, "\(image)")
                if image.contains("msaas/") {
                    #expect(parts.last.map(String.init) == version, "\(image) is not the Makefile's \(version)")
                } else {
                    #expect(image.split(separator: "/").first?.contains(".") == true, "\(image) names no registry")
                }
            }
        }
    }

    @Test(arguments: Rendering.names)
    func everyContainerHasLimitsAndProbes(name: String) async throws {
        for workload in try await Rendering(name).workloads {
            for container in workload.containers + workload.initContainers {
                for (kind, resource) in [
                    ("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory"),
                ] {
                    #expect(
                        container.text("resources", kind, resource) != nil,
                        "\(workload.title)/\(container.text("name") ?? "") has no \(kind) of \(resource)")
                }
                for resource in ["cpu", "memory"] {
                    let request = try Quantity(try #require(container.text("resources", "requests", resource)))
                    let limit = try Quantity(try #require(container.text("resources", "limits", resource)))
                    #expect(request <= limit, "\(workload.title): \(resource)")
                }
            }
            guard workload.kind != "Job" else { continue }
            for container in workload.containers {
                for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                    let found = try #require(container[probe], "\(workload.title) has no \(probe)")
                    let port = found.text("httpGet", "port") ?? found.text("tcpSocket", "port")
                    #expect(found["exec"] != nil || port != nil)
                    let ports = container["ports"]?.items.compactMap { $0.text("name") } ?? []
                    if let port { #expect(ports.contains(port), "\(workload.title) has no port \(port)") }
                }
            }
        }
    }

    @Test(arguments: Rendering.names)
    func podsHaveNoPower(name: String) async throws {
        let rendering = try await Rendering(name)
        for workload in rendering.workloads {
            let pod = try #require(workload.pod)
            let title = workload.title
            #expect(pod.at("securityContext", "runAsNonRoot")?.bool == true, "\(title)")
            #expect(pod.at("securityContext", "runAsUser")?.int ?? 0 > 0, "\(title)")
            #expect(pod.text("securityContext", "seccompProfile", "type") == "RuntimeDefault", "\(title)")
            #expect(pod["enableServiceLinks"]?.bool == false, "\(title)")
            for key in ["hostNetwork", "hostPID", "hostIPC"] { #expect(pod[key] == nil, "\(title) has \(key)") }
            let needsToken = workload.name == "autoscaler"
            #expect(pod["automountServiceAccountToken"]?.bool == needsToken, "\(title)")
            #expect(
                (pod.text("serviceAccountName") ?? "default") == (needsToken ? "autoscaler" : "default"), "\(title)")
            for container in workload.containers + workload.initContainers {
                let context = try #require(container["securityContext"], "\(title)")
                #expect(context["allowPrivilegeEscalation"]?.bool == false, "\(title)")
                #expect(context["readOnlyRootFilesystem"]?.bool == true, "\(title)")
                #expect(context.at("capabilities", "drop")?.texts == ["ALL"], "\(title)")
                #expect(context.at("capabilities", "add") == nil, "\(title)")
                for key in ["privileged", "runAsUser", "runAsNonRoot", "seccompProfile"] {
                    #expect(context[key] == nil, "\(title) overrides the pod's \(key)")
                }
            }
            for volume in pod["volumes"]?.items ?? [] {
                let kinds = Set((volume.mapping ?? [:]).keys.compactMap(\.string)).subtracting(["name"])
                #expect(kinds.isSubset(of: ["emptyDir", "configMap", "secret"]), "\(title) has a volume of \(kinds)")
                if let memory = volume["emptyDir"] { #expect(memory["sizeLimit"] != nil, "\(title)") }
            }
        }
        #expect(
            try rendering.object("Namespace", "msaas")["metadata", "labels"]?.strings[
                "pod-security.kubernetes.io/enforce"] == "restricted")
    }

    @Test(arguments: Rendering.names)
    func everythingIsLabelledAndInItsNamespace(name: String) async throws {
        for object in try await Rendering(name).objects where object.kind != "ConfigMap" {
            let labels = object["metadata", "labels"]?.strings ?? [:]
            #expect(labels["app.kubernetes.io/part-of"] == "msaas", "\(object.title)")
            #expect(labels["app.kubernetes.io/name"] != nil, "\(object.title)")
            #expect(labels["app.kubernetes.io/component"] != nil, "\(object.title)")
            let isOutside = ["Namespace", "ClusterRole", "ClusterRoleBinding"].contains(object.kind)
            #expect((object.node.text("metadata", "namespace") == "msaas") != isOutside, "\(object.title)")
        }
    }

    /// The autoscaler sets the workers' number; a drain ends before the pod's grace period does.
    @Test(arguments: Rendering.names)
    func podsHaveTimeToEnd(name: String) async throws {
        let rendering = try await Rendering(name)
        let worker = try rendering.object("Deployment", "worker")
        #expect(worker["spec", "replicas"] == nil)
        let grace = try #require(worker.pod?["terminationGracePeriodSeconds"]?.int)
        let drain = try #require(
            try rendering.environment(of: worker, worker.containers[0]).values["MSAAS_DRAIN_SECONDS"].flatMap {
                Int($0)
            })
        #expect(drain + 5 <= grace)
        #expect(worker.containers[0].at("lifecycle", "preStop", "exec") != nil)

        for name in FunctionPod.names {
            let function = try rendering.object("Deployment", name)
            let values = try rendering.environment(of: function, function.containers[0]).values
            let configuration = try HostConfiguration(environment: values.withoutKeyFile)
            let grace = try #require(function.pod?["terminationGracePeriodSeconds"]?.int)
            #expect(configuration.drainDelay + configuration.drainTimeout < .seconds(grace))
            #expect(values["FUNCTION_TARGET"]?.split(separator: ",").contains(Substring(name)) == true)
        }
    }

    /// A function host that others reach refuses to start unless it has keys, or is told to be open.
    @Test(arguments: Rendering.overlays)
    func functionsKnowWhomTheyServe(name: String) async throws {
        let rendering = try await Rendering(name)
        for name in FunctionPod.forClients {
            let function = try rendering.object("Deployment", name)
            let values = try rendering.environment(of: function, function.containers[0]).values
            guard let file = values["MSAAS_API_KEYS_FILE"] else {
                #expect(rendering.name == "overlays/local" && values["MSAAS_OPEN"] == "1")
                continue
            }
            #expect(values["MSAAS_OPEN"] == nil)
            let mount = try #require(
                function.containers[0]["volumeMounts"]?.items.first {
                    file.hasPrefix(($0.text("mountPath") ?? "-") + "/")
                })
            let volume = function.pod?["volumes"]?.items.first { $0.text("name") == mount.text("name") }
            #expect(volume?.text("secret", "secretName") == "api-keys")
        }
    }

    /// The autoscaler finds a worker's pod by the worker's name.
    @Test(arguments: Rendering.names)
    func workersAreCalledAsTheirPods(name: String) async throws {
        let worker = try await Rendering(name).object("Deployment", "worker").containers[0]
        let variables = worker["env"]?.items ?? []
        let id = try #require(variables.first { $0.text("name") == "WORKER_ID" })
        #expect(id.text("valueFrom", "fieldRef", "fieldPath") == "metadata.name")
        let threads = try #require(variables.first { $0.text("name") == "MSAAS_THREADS" })
        #expect(threads.text("valueFrom", "resourceFieldRef", "resource") == "limits.cpu")
        // Never /readyz: a busy worker must not become unready.
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            #expect(worker.at(probe, "httpGet")?.strings == ["path": "/healthz", "port": "probes"])
        }
    }

    /// Whoever has metrics says where, and the program listens there, for others than itself.
    @Test(arguments: Rendering.names)
    func metricsAreWhereTheAnnotationsSay(name: String) async throws {
        let rendering = try await Rendering(name)
        for name in FunctionPod.names + ["worker", "autoscaler"] {
            let workload = try rendering.object("Deployment", name)
            let annotations = workload["spec", "template", "metadata", "annotations"]?.strings ?? [:]
            #expect(annotations["prometheus.io/scrape"] == "true" && annotations["prometheus.io/path"] == "/metrics")
            let port = try #require(annotations["prometheus.io/port"].flatMap { Int($0) })
            let container = workload.containers[0]
            #expect(container["ports"]?.items.contains { $0["containerPort"]?.int == port } == true)
            let values = try rendering.environment(of: workload, container).values
            switch name {
            case "autoscaler":
                #expect(try ControllerConfiguration(flags: [:], environment: values).listening.port == port)
            case "worker":
                let configuration = try WorkerConfiguration(environment: values)
                #expect(configuration.probePort == .fixed(port) && configuration.probeHost == "0.0.0.0")
            default: #expect(try HostConfiguration(environment: values.withoutKeyFile).probePort == port)
            }
        }
    }
}
