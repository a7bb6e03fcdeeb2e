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

    /// One Deployment and one Lease, where RBAC can say so; `create` knows no names.
    @Test(arguments: Rendering.names)
    func rolesNameTheirObjects(name: String) async throws {
        let rendering = try await Rendering(name)
        let map = try #require(rendering.all("ConfigMap").first { $0.name.hasPrefix("autoscaler-") })["data"]?.strings
        for rule in try rendering.object("Role", "autoscaler")["rules"]?.items ?? [] {
            let names = rule["resourceNames"]?.texts
            switch rule["resources"]?.texts.first?.split(separator: "/").first {
            case "deployments": #expect(names == [map?["AUTOSCALER_DEPLOYMENT"] ?? ""])
            case "leases" where rule["verbs"]?.texts != ["create"]:
                #expect(names == [map?["AUTOSCALER_LEASE_NAME"] ?? ""])
            default: #expect(names == nil)
            }
        }
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
