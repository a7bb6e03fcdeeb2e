import Encodings
import Kubernetes

/// The documents by which `kubectl` learns what there is.
enum Discovery {
    static func document(_ path: String) -> JSONValue? {
        let parts = path.split(separator: "/").map(String.init)
        switch parts {
        case ["version"]:
            return [
                "major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "", "gitTreeState": "",
                "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "",
            ]
        case ["healthz"], ["livez"], ["readyz"]: return "ok"
        case ["api"]: return ["kind": "APIVersions", "versions": ["v1"]]
        case ["apis"]:
            let groups = Set(Resource.allCases.map(\.group)).subtracting([""]).sorted()
            return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups.map(group))]
        case ["api", "v1"]: return resources("")
        case let parts where parts.count == 3 && parts[0] == "apis" && parts[2] == "v1": return resources(parts[1])
        default: return nil
        }
    }

    private static func group(_ name: String) -> JSONValue {
        let version: JSONValue = ["groupVersion": .string("\(name)/v1"), "version": "v1"]
        return ["name": .string(name), "versions": [version], "preferredVersion": version]
    }

    private static func resources(_ group: String) -> JSONValue? {
        let known = Resource.allCases.filter { $0.group == group }
        guard !known.isEmpty else { return nil }
        var resources = known.map { resource -> JSONValue in
            [
                "name": .string(resource.rawValue), "singularName": .string(resource.kind.lowercased()),
                "namespaced": .bool(resource.isNamespaced), "kind": .string(resource.kind),
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
                "shortNames": .array(resource == .deployments ? ["deploy"] : []),
            ]
        }
        if group == "apps" {
            resources.append([
                "name": "deployments/scale", "singularName": "", "namespaced": true, "group": "autoscaling",
                "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"],
            ])
        }
        return [
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": .string(group.isEmpty ? "v1" : "\(group)/v1"),
            "resources": .array(resources),
        ]
    }
}
