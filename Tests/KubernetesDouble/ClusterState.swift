import Encodings
import Foundation
import Kubernetes

/// The objects of a cluster and the history of their changes, as etcd behind an API server keeps them.
struct ClusterState: Sendable {
    struct Key: Hashable, Sendable {
        var namespace: String
        var name: String
    }

    struct Change: Sendable {
        var version: Int
        var resource: Resource
        var namespace: String
        var type: String
        var object: JSONValue
    }

    /// The version of the latest change.
    private(set) var version = 1
    /// Changes up to this version are forgotten.
    private(set) var compacted = 0
    private(set) var history: [Change] = []
    private var objects: [Resource: [Key: JSONValue]] = [:]

    // MARK: - Reading

    func get(_ resource: Resource, _ namespace: String, _ name: String) throws(Refusal) -> JSONValue {
        guard let object = objects[resource]?[Key(namespace: namespace, name: name)] else {
            throw .notFound(resource, name)
        }
        return resource == .resourcequotas ? withUse(object, namespace) : object
    }

    /// Objects in the order of their names.
    func list(_ resource: Resource, _ namespace: String?, selector: LabelMatch = LabelMatch()) -> [JSONValue] {
        let all = (objects[resource] ?? [:]).filter { namespace == nil || $0.key.namespace == namespace }
        return all.sorted { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }
            .map { resource == .resourcequotas ? withUse($0.value, $0.key.namespace) : $0.value }
            .filter(selector.matches)
    }

    /// A quota with what the namespace's pods use of it.
    private func withUse(_ quota: JSONValue, _ namespace: String) -> JSONValue {
        let pods = list(.pods, namespace).compactMap { $0.pod }.filter { !$0.isFinished }
        var used: [String: JSONValue] = [:]
        for name in (quota["spec"]?["hard"]?.object ?? [:]).keys {
            let needs = pods.map { Self.need(of: name, $0.spec) }
            if needs.contains(where: { $0 == nil }) { continue }
            used[name] = .string("\(needs.compactMap(\.self).reduce(Quantity(0), +))")
        }
        var quota = quota
        quota["status"] = ["hard": quota["spec"]?["hard"] ?? [:], "used": .object(used)]
        return quota
    }

    /// What a pod takes of a quota's resource; `nil` for what has nothing to do with pods.
    static func need(of resource: String, _ pod: PodSpec?) -> Quantity? {
        switch resource {
        case "pods", "count/pods": Quantity(1)
        case "requests.memory", "memory": pod?.request("memory") ?? Quantity(0)
        case "requests.cpu", "cpu": pod?.request("cpu") ?? Quantity(0)
        case "limits.memory": pod?.limit("memory") ?? Quantity(0)
        case "limits.cpu": pod?.limit("cpu") ?? Quantity(0)
        default: nil
        }
    }

    /// The message with which the API server refuses a pod that a quota has no room for.
    func refusal(of pod: PodSpec, _ namespace: String) -> String? {
        for quota in list(.resourcequotas, namespace) {
            for (resource, hard) in (quota["spec"]?["hard"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
                guard let need = Self.need(of: resource, pod), let limit = try? Quantity(hard.string ?? ""),
                    let used = try? Quantity(quota["status"]?["used"]?[resource]?.string ?? "0"), used + need > limit
                else { continue }
                return "exceeded quota: \(quota["metadata"]?["name"]?.string ?? ""), requested: \(resource)=\(need), "
                    + "used: \(resource)=\(used), limited: \(resource)=\(limit)"
            }
        }
        return nil
    }

    // MARK: - Changing

    mutating func create(_ resource: Resource, _ namespace: String, _ object: JSONValue, at time: Date) throws(Refusal)
        -> JSONValue
    {
        var metadata = object["metadata"] ?? [:]
        if metadata["name"]?.string ?? "" == "", let prefix = metadata["generateName"]?.string {
            metadata["name"] = .string(prefix + Self.suffix())
        }
        guard let name = metadata["name"]?.string, !name.isEmpty else {
            throw .invalid(
                resource.kind, group: resource.group, "", field: "metadata.name",
                "Required value: name or generateName is required")
        }
        if objects[resource]?[Key(namespace: namespace, name: name)] != nil { throw .exists(resource, name) }
        if resource.isNamespaced { metadata["namespace"] = .string(namespace) }
        metadata["uid"] = .string(UUID().uuidString.lowercased())
        metadata["creationTimestamp"] = .string(Timestamp.seconds(time))
        if resource == .deployments { metadata["generation"] = 1 }
        var object = object
        object["apiVersion"] = .string(resource.apiVersion)
        object["kind"] = .string(resource.kind)
        object["metadata"] = metadata
        return store(resource, Key(namespace: namespace, name: name), object, "ADDED")
    }

    /// Replaces an object. Without a `resourceVersion` in it, whatever its version is, if the resource allows that.
    mutating func replace(_ resource: Resource, _ namespace: String, _ name: String, _ object: JSONValue)
        throws(Refusal) -> JSONValue
    {
        let old = try get(resource, namespace, name)
        let wanted = object["metadata"]?["resourceVersion"]?.string ?? ""
        if wanted.isEmpty, resource == .leases {
            throw .invalid(
                resource.kind, group: resource.group, name, field: "metadata.resourceVersion",
                "Invalid value: 0: must be specified for an update")
        }
        if !wanted.isEmpty, wanted != old["metadata"]?["resourceVersion"]?.string {
            throw .conflict(resource, name)
        }
        var metadata = object["metadata"] ?? [:]
        for field in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"] {
            metadata[field] = old["metadata"]?[field] ?? metadata[field]
        }
        if let generation = old["metadata"]?["generation"]?.int {
            metadata["generation"] = .int(object["spec"] == old["spec"] ? generation : generation + 1)
        }
        var object = object
        object["metadata"] = metadata
        object["apiVersion"] = old["apiVersion"]
        object["kind"] = old["kind"]
        return store(resource, Key(namespace: namespace, name: name), object, "MODIFIED")
    }

    mutating func patch(_ resource: Resource, _ namespace: String, _ name: String, _ patch: JSONValue)
        throws(Refusal) -> JSONValue
    {
        try replace(resource, namespace, name, try get(resource, namespace, name).merged(with: patch))
    }

    mutating func delete(_ resource: Resource, _ namespace: String, _ name: String) throws(Refusal) -> JSONValue {
        var object = try get(resource, namespace, name)
        objects[resource]?[Key(namespace: namespace, name: name)] = nil
        version += 1
        object["metadata"]?["resourceVersion"] = .string(String(version))
        history.append(
            Change(version: version, resource: resource, namespace: namespace, type: "DELETED", object: object))
        return object
    }

    /// Forgets the history: watches from before now get 410.
    mutating func compact() {
        version += 1
        compacted = version
        history = []
    }

    private mutating func store(_ resource: Resource, _ key: Key, _ object: JSONValue, _ type: String) -> JSONValue {
        version += 1
        var object = object
        object["metadata"]?["resourceVersion"] = .string(String(version))
        objects[resource, default: [:]][key] = object
        history.append(
            Change(version: version, resource: resource, namespace: key.namespace, type: type, object: object))
        return object
    }

    static func suffix() -> String {
        let letters = Array("bcdfghjklmnpqrstvwxz2456789")
        return String((0..<5).map { _ in letters.randomElement() ?? "x" })
    }
}

/// An equality-based label selector: `a=b,c==d,e!=f,g`.
struct LabelMatch: Sendable {
    private var terms: [(key: String, value: String?, isEqual: Bool)] = []

    init(_ text: String? = nil) {
        for term in (text ?? "").split(separator: ",") {
            let isEqual = !term.contains("!=")
            let parts = term.split(separator: isEqual ? "=" : "!=", omittingEmptySubsequences: true)
            terms.append((String(parts[0]), parts.count > 1 ? String(parts[1]) : nil, isEqual))
        }
    }

    func matches(_ object: JSONValue) -> Bool {
        let labels = object["metadata"]?["labels"]
        return terms.allSatisfy { term in
            guard let value = term.value else { return labels?[term.key] != nil }
            return (labels?[term.key]?.string == value) == term.isEqual
        }
    }
}

extension JSONValue {
    /// This object as the client reads it.
    var pod: Pod? {
        (try? JSONEncoder.kubernetes.encode(self)).flatMap { try? JSONDecoder.kubernetes.decode(Pod.self, from: $0) }
    }
}
