import Controller
import Kubernetes
import TestSupport
import Testing
import Yams

/// What the autoscaler may do: exactly what it does.
@Suite struct PermissionTests {
    private func permissions(_ rules: Yams.Node?, _ scope: Permission.Scope) -> [Permission] {
        var permissions: [Permission] = []
        for rule in rules?.items ?? [] {
            for group in rule["apiGroups"]?.texts ?? [] {
                for resource in rule["resources"]?.texts ?? [] {
                    for verb in rule["verbs"]?.texts ?? [] {
                        permissions.append(Permission(verb, resource, group: group, scope: scope))
                    }
                }
            }
        }
        return permissions
    }

    @Test(arguments: Rendering.names)
    func rolesAllowExactlyTheCalls(name: String) async throws {
        let rendering = try await Rendering(name)
        let autoscaler = try rendering.object("Deployment", "autoscaler")
        let values = try rendering.environment(of: autoscaler, autoscaler.containers[0]).values
        let configuration = try ControllerConfiguration(flags: [:], environment: values)
        // Which calls it makes depends on what it is to look at.
        var needed = APICall.permissions
        if configuration.memoryRoom != .nodes { needed.remove(APICall.listNodes.permission) }
        if configuration.memoryRoom == .none { needed.remove(APICall.listResourceQuotas.permission) }

        let granted =
            rendering.all("Role").flatMap { permissions($0["rules"], .namespace) }
            + rendering.all("ClusterRole").flatMap { permissions($0["rules"], .cluster) }
        #expect(Set(granted) == needed)
        #expect(granted.count == Set(granted).count, "something is granted twice")
    }

    /// The Deployments that are scaled and one Lease, where RBAC can say so; `create` knows no names.
    @Test(arguments: Rendering.names)
    func rolesNameTheirObjects(name: String) async throws {
        let rendering = try await Rendering(name)
        let map = try #require(rendering.all("ConfigMap").first { $0.name.hasPrefix("autoscaler-settings") })["data"]?
            .strings
        let targets = try rendering.scaled()
        // Everything that is scaled is there, and nothing of it has a number of its own that an `apply` would set back.
        for target in targets {
            #expect(try rendering.object("Deployment", target.deployment)["spec", "replicas"] == nil)
        }
        let functions = rendering.all("Deployment").filter {
            $0["metadata", "labels", "app.kubernetes.io/component"]?.string == "function"
        }
        #expect(Set(functions.map(\.name)) == Set(targets.dropFirst().map(\.deployment)))
        for rule in try rendering.object("Role", "autoscaler")["rules"]?.items ?? [] {
            let names = rule["resourceNames"]?.texts
            switch rule["resources"]?.texts.first?.split(separator: "/").first {
            case "deployments": #expect(names == targets.map(\.deployment))
            case "leases" where rule["verbs"]?.texts != ["create"]:
                #expect(names == [map?["AUTOSCALER_LEASE_NAME"] ?? ""])
            default: #expect(names == nil)
            }
        }
    }

    /// RBAC cannot say which pods: the admission policy lets the autoscaler change annotations of what it scales only.
    @Test(arguments: Rendering.names)
    func onlyWhatIsScaledMayBeMarked(name: String) async throws {
        let rendering = try await Rendering(name)
        let policy = try rendering.object("ValidatingAdmissionPolicy", "msaas-autoscaler")
        let namespace = try rendering.object("Namespace", "msaas").name
        #expect(policy["spec", "failurePolicy"]?.string == "Fail")
        #expect(
            policy["spec", "matchConstraints", "namespaceSelector", "matchLabels"]?.strings
                == ["kubernetes.io/metadata.name": namespace])
        let conditions = policy["spec", "matchConditions"]?.items.compactMap { $0.text("expression") } ?? []
        #expect(conditions == ["request.userInfo.username == 'system:serviceaccount:\(namespace):autoscaler'"])
        let rules = policy["spec", "validations"]?.items.compactMap { $0.text("expression") } ?? []
        func component(_ workload: Object) -> String {
            workload["spec", "template", "metadata", "labels", "app.kubernetes.io/component"]?.string ?? ""
        }
        let scaled = Set(try rendering.scaled().map(\.deployment))
        let components = ["worker", "function"]
        #expect(
            rules.contains { $0.contains("labels['app.kubernetes.io/component'] in ['worker', 'function']") })
        #expect(rules.contains { $0.contains("object.spec == oldObject.spec") })
        for workload in rendering.workloads {
            #expect(components.contains(component(workload)) == scaled.contains(workload.name), "\(workload.title)")
        }
        let binding = try rendering.object("ValidatingAdmissionPolicyBinding", "msaas-autoscaler")
        #expect(binding["spec", "policyName"]?.string == policy.name)
        #expect(binding["spec", "validationActions"]?.texts == ["Deny"])
    }

    @Test(arguments: Rendering.names)
    func bindingsBindTheAutoscaler(name: String) async throws {
        let rendering = try await Rendering(name)
        _ = try rendering.object("ServiceAccount", "autoscaler")
        let roles = rendering.all("Role", "ClusterRole")
        let bindings = rendering.all("RoleBinding", "ClusterRoleBinding")
        #expect(bindings.count == roles.count)
        for binding in bindings {
            let kind = try #require(binding.node.text("roleRef", "kind"))
            _ = try rendering.object(kind, try #require(binding.node.text("roleRef", "name")))
            let subjects = binding["subjects"]?.items ?? []
            #expect(
                subjects.map(\.strings) == [["kind": "ServiceAccount", "name": "autoscaler", "namespace": "msaas"]])
        }
    }
}

extension Rendering {
    /// What the autoscaler is told to scale.
    func scaled() throws -> [TargetConfiguration] {
        let map = try #require(all("ConfigMap").first { $0.name.hasPrefix("autoscaler-targets") })
        var configuration = ControllerConfiguration()
        try configuration.take(targets: try #require(map["data", "targets.yaml"]?.string), path: "targets.yaml")
        return configuration.targets
    }
}

/// The example for KEDA: what it names is there, and the scaler takes its trigger.
@Suite struct KEDAManifestTests {
    @Test func theScaledObjectFitsTheScaler() async throws {
        let rendering = try await Rendering("overlays/keda")
        let object = try rendering.object("ScaledObject", "worker")
        let scaler = try rendering.object("Deployment", "keda-scaler")
        let values = try rendering.environment(of: scaler, scaler.containers[0]).values
        var configuration = try ControllerConfiguration(flags: [:], environment: values)
        let map = try #require(rendering.all("ConfigMap").first { $0.name.hasPrefix("autoscaler-targets") })
        try configuration.take(targets: try #require(map["data", "targets.yaml"]?.string), path: "targets.yaml")

        let target = try #require(object.node.text("spec", "scaleTargetRef", "name"))
        _ = try rendering.object("Deployment", target)
        #expect(object["spec", "minReplicaCount"]?.int == configuration.policy.minReplicas)
        #expect(object["spec", "maxReplicaCount"]?.int == configuration.policy.maxReplicas)
        let triggers = object["spec", "triggers"]?.items ?? []
        #expect(triggers.map { $0.text("type") } == ["external-push"])
        // What else there may be: `ExternalScalerTests.whatIsMeantForSomethingElseIsRefused`.
        #expect(
            triggers.first?["metadata"]?.strings == [
                "deployment": configuration.deployment, "scalerAddress": "keda-scaler.msaas:9091",
            ])
        #expect(configuration.deployment == target)
        let service = try rendering.object("Service", "keda-scaler")
        #expect(service.node.text("metadata", "namespace") == "msaas")
        #expect(service["spec", "ports"]?.items.map { $0["port"]?.int } == [9091])

        // Nobody else sets the number.
        #expect(try rendering.object("Deployment", "autoscaler")["spec", "replicas"]?.int == 0)
    }
}
