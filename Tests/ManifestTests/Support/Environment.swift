import Foundation
import TestSupport
import Yams

/// The environment of a container, as the kubelet would make it.
struct ContainerEnvironment {
    /// Name → value; a value that only a running pod has is a stand-in.
    var values: [String: String] = [:]
    /// The ConfigMaps and Secrets that it uses, as `Kind name`.
    var sources: Set<String> = []
}

extension Rendering {
    /// The Secrets of `k8s/secrets.sh`, with values of their own each time.
    static func secrets() async throws -> [Object] {
        try Object.all(in: await Program.run([Project.root.appending(path: "k8s/secrets.sh").path]))
    }

    private static let sample: [String: [String: String]] = [
        "storage": ["S3_ACCESS_KEY": "access", "S3_SECRET_KEY": "secret-key"], "webhook": ["WEBHOOK_TOKEN": "token"],
        "signing": ["MSAAS_SIGNING_SECRET": "what sessions and links are signed with"],
        "redis-users": Dictionary(uniqueKeysWithValues: redisUsers.map { ($0, "secret-of-\($0)") }),
    ].merging(
        redisUsers.filter { $0 != "probe" }.map {
            ("redis-\($0)", ["REDIS_URL": "redis://\($0):secret-of-\($0)@redis:6379/0"])
        }
    ) { $1 }.merging(
        Household.roles.map {
            ("storage-\($0)", ["S3_ACCESS_KEY": "msaas-\($0)", "S3_SECRET_KEY": "secret-key-of-\($0)"])
        }
    ) { $1 }

    /// The users of `k8s/base/redis/users.acl`.
    static let redisUsers = ["upload", "separate", "fetch", "callbacks", "worker", "autoscaler", "admin", "probe"]

    /// The names and keys of the Secrets that the manifests may use.
    static var secretKeys: [String: Set<String>] { sample.mapValues { Set($0.keys) } }

    /// Puts a container's environment together.
    ///
    /// - Throws: for a ConfigMap, Secret or key that does not exist, and for a name that is set twice.
    func environment(of workload: Object, _ container: Node) throws -> ContainerEnvironment {
        var environment = ContainerEnvironment()
        func data(_ kind: String, _ name: String?) throws -> [String: String] {
            let name = name ?? ""
            environment.sources.insert("\(kind) \(name)")
            let found =
                kind == "Secret" ? Self.sample[name] : try object("ConfigMap", name)["data"]?.strings
            guard let found else {
                throw TestFailure("\(workload.title) uses the \(kind) \(name), which does not exist.")
            }
            return found
        }
        func value(_ kind: String, _ reference: Node) throws -> String {
            let key = reference.text("key") ?? ""
            guard let value = try data(kind, reference.text("name"))[key] else {
                throw TestFailure("\(workload.title) uses the key \(key), which \(kind) does not have.")
            }
            return value
        }
        func add(_ name: String, _ value: String) throws {
            guard environment.values.updateValue(value, forKey: name) == nil else {
                throw TestFailure("\(workload.title) sets \(name) twice.")
            }
        }
        for source in container["envFrom"]?.items ?? [] {
            let isSecret = source["secretRef"] != nil
            let name = source.text(isSecret ? "secretRef" : "configMapRef", "name")
            // One that an operator may make.
            if source.at("secretRef", "optional")?.bool == true { continue }
            for (name, value) in try data(isSecret ? "Secret" : "ConfigMap", name) { try add(name, value) }
        }
        for variable in container["env"]?.items ?? [] {
            guard let name = variable.text("name") else { throw TestFailure("\(workload.title): \(variable)") }
            if let reference = variable.at("valueFrom", "secretKeyRef") {
                try add(name, try value("Secret", reference))
            } else if let reference = variable.at("valueFrom", "configMapKeyRef") {
                try add(name, try value("ConfigMap", reference))
            } else if variable.at("valueFrom", "fieldRef") != nil {
                try add(name, "worker-5d7f9c-x2x4z")
            } else if let reference = variable.at("valueFrom", "resourceFieldRef") {
                let name = reference.text("containerName") ?? ""
                let names = (workload.containers + workload.initContainers).compactMap { $0.text("name") }
                guard names.contains(name) else { throw TestFailure("\(workload.title) has no container \(name).") }
                try add(variable.text("name") ?? "", "2")
            } else if let text = variable.text("value") {
                try add(name, text)
            } else {
                throw TestFailure("\(workload.title): \(name) has no value.")
            }
        }
        return environment
    }
}

extension [String: String] {
    /// Without the file of API keys, which is in a Secret that everybody makes for himself.
    var withoutKeyFile: [String: String] { filter { $0.key != "MSAAS_API_KEYS_FILE" } }
}
