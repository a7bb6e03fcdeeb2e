import Kubernetes

extension ClusterDouble.Contents {
    /// The `scale` subresource of a Deployment: read, replaced, or patched.
    mutating func scale(_ place: Place, _ question: Question) throws(Refusal) -> Reply {
        guard let name = place.name else { throw .noSuchPath() }
        let namespace = place.namespace ?? ""
        let deployment = try state.get(.deployments, namespace, name)
        let old = Self.scale(of: deployment)
        let wanted: JSONValue
        switch question.method {
        case "GET": return .object(200, old)
        case "PATCH": wanted = old.merged(with: try Self.object(question, patch: true))
        case "PUT": wanted = try Self.object(question, patch: false)
        default: throw .noSuchPath()
        }
        let replicas = wanted["spec"]?["replicas"]?.int ?? 0
        guard replicas >= 0 else {
            throw .invalid(
                "Scale", group: "autoscaling", name, field: "spec.replicas",
                "Invalid value: \(replicas): must be greater than or equal to 0")
        }
        var change: JSONValue = ["spec": ["replicas": .int(replicas)]]
        if let version = wanted["metadata"]?["resourceVersion"] { change["metadata"] = ["resourceVersion": version] }
        return .object(200, Self.scale(of: try state.patch(.deployments, namespace, name, change)))
    }

    private static func scale(of deployment: JSONValue) -> JSONValue {
        var metadata: JSONValue = [:]
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata[field] = deployment["metadata"]?[field]
        }
        let labels = deployment["spec"]?["selector"]?["matchLabels"]?.object ?? [:]
        let selector = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? "")" }
        let replicas = deployment["spec"]?["replicas"]?.int ?? 1
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
            "spec": replicas == 0 ? [:] : ["replicas": .int(replicas)],
            "status": [
                "replicas": deployment["status"]?["replicas"] ?? 0,
                "selector": .string(selector.joined(separator: ",")),
            ],
        ]
    }
}
