import Controller
import Foundation
import FunctionHost
import Jobs
import LocalStack
import ObjectStorage
import TestSupport
import Testing
import WorkerLoop
import Yams

/// What the containers are told, and whether the programs in them listen.
@Suite struct EnvironmentTests {
    private static let others: [String: Set<String>] = [
        "redis": ["REDISCLI_AUTH", "PASSWORDS", "ACL_FILE"],
        "mc": [
            "MC_HOST_minio", "MC_CONFIG_DIR", "ROOT_USER", "ROOT_PASSWORD", "KEY_upload", "KEY_separate", "KEY_fetch",
            "KEY_worker", "KEY_setup",
        ],
        "minio": [
            "HOME", "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "MINIO_BROWSER", "MINIO_NOTIFY_WEBHOOK_ENABLE_separate",
            "MINIO_NOTIFY_WEBHOOK_ENDPOINT_separate", "MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_separate",
            "MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_separate", "MINIO_NOTIFY_WEBHOOK_QUEUE_LIMIT_separate",
        ],
    ]

    /// The environment variables that a program reads.
    private func names(readBy program: String) throws -> Set<String> {
        if let names = Self.others[program] { return names }
        let names = try #require(Readers.names(readBy: program), "nobody knows the program \(program)")
        guard ["autoscaler", "keda-scaler"].contains(program) else { return names }
        return names.union(ControllerConfiguration.names.map(ControllerConfiguration.variable))
    }

    private func program(_ container: Node) throws -> String {
        let image = try #require(container.text("image")).split(separator: "/").last ?? ""
        return String(image.prefix { $0 != ":" && $0 != "@" })
    }

    @Test(arguments: Rendering.names)
    func everyVariableIsRead(name: String) async throws {
        let rendering = try await Rendering(name)
        for workload in rendering.workloads {
            for container in workload.containers + workload.initContainers {
                let program = try program(container)
                let known = try names(readBy: program)
                let set = Set(try rendering.environment(of: workload, container).values.keys)
                #expect(set.subtracting(known) == [], "\(workload.title) tells \(program) what it does not read")
            }
        }
    }

    /// The programs' own readers take the values.
    @Test(arguments: Rendering.names)
    func everyValueIsValid(name: String) async throws {
        let rendering = try await Rendering(name)
        for workload in rendering.workloads {
            for container in workload.containers {
                let values = try rendering.environment(of: workload, container).values
                let program = try program(container)
                switch program {
                case "function-host":
                    _ = try HostConfiguration(environment: values.withoutKeyFile)
                    if FunctionPod.using(.storage).contains(workload.name) {
                        _ = try S3Configuration(environment: values)
                    }
                    _ = try QueueOptions(environment: values)
                    if let url = values["REDIS_URL"] { #expect(try RedisAddress(url).host == "redis") }
                case "worker":
                    _ = try WorkerConfiguration(environment: values)
                    _ = try S3Configuration(environment: values)
                    _ = try QueueOptions(environment: values)
                    #expect(try RedisAddress(try #require(values["REDIS_URL"])).host == "redis")
                case "autoscaler", "keda-scaler":
                    let configuration = try ControllerConfiguration(flags: [:], environment: values)
                    let file = try #require(configuration.targetsFile)
                    let mounts = container["volumeMounts"]?.items.compactMap { $0.text("mountPath") } ?? []
                    #expect(mounts.map { $0 + "/targets.yaml" } == [file])
                    #expect(try rendering.scaled().first?.deployment == "worker")
                    #expect(try RedisAddress(configuration.redisURL).host == "redis")
                    _ = try QueueOptions(environment: values)
                    let port = container["ports"]?.items.map { $0["containerPort"]?.int } ?? []
                    let arguments = container["args"]?.texts
                    if program == "keda-scaler" {
                        #expect(arguments == ["--listen", "0.0.0.0:\(port[0] ?? 0)"])
                    } else {
                        #expect(port == [configuration.listening.port] && arguments == ["run"])
                    }
                case "msaas":
                    _ = try S3Configuration(environment: values)
                    #expect(values["MSAAS_WEBHOOK_ARN"] == BucketSetup.webhookARN)
                default: break
                }
            }
        }
    }

    /// The queue's rules are the same for all, and songs are gone from the bucket when their jobs are forgotten.
    @Test(arguments: Rendering.names)
    func everybodyHasTheSameRules(name: String) async throws {
        let rendering = try await Rendering(name)
        var rules: Set<[String?]> = []
        for name in FunctionPod.using(.redis) + ["worker", "autoscaler"] {
            let workload = try rendering.object("Deployment", name)
            let values = try rendering.environment(of: workload, workload.containers[0]).values
            rules.insert(
                ["MSAAS_LEASE_SECONDS", "MSAAS_MAX_ATTEMPTS", "MSAAS_RETENTION_DAYS"].map { values[$0] })
        }
        #expect(rules.count == 1)
        let setup = try rendering.object("Job", "setup")
        let values = try rendering.environment(of: setup, setup.containers[0]).values
        let retention = try #require(rules.first?[2].flatMap { Double($0) })
        #expect(try #require(values["MSAAS_SONG_DAYS"].flatMap { Double($0) }) <= retention)
    }

    @Test func theWebhookIsTheFunction() async throws {
        let rendering = try await Rendering("base")
        let minio = try rendering.object("StatefulSet", "minio")
        let values = try rendering.environment(of: minio, minio.containers[0]).values
        let endpoint = try #require(URL(string: values["MINIO_NOTIFY_WEBHOOK_ENDPOINT_separate"] ?? ""))
        let service = try rendering.object("Service", try #require(endpoint.host))
        #expect(service["spec", "ports"]?.items.map { $0["port"]?.int } == [endpoint.port ?? 80])
        #expect(try Project.text(of: "functions/separate/function.yaml").contains("path: \(endpoint.path)\n"))
        #expect(BucketSetup.webhookARN.contains(":\(BucketSetup.webhookID):"))
    }

    /// Everything that is used exists, and everything that exists is used.
    @Test(arguments: Rendering.names)
    func mapsAndSecretsAreUsed(name: String) async throws {
        let rendering = try await Rendering(name)
        var used: Set<String> = []
        for workload in rendering.workloads {
            for container in workload.containers + workload.initContainers {
                used.formUnion(try rendering.environment(of: workload, container).sources)
                var volumes = Set(workload.pod?["volumes"]?.items.compactMap { $0.text("name") } ?? [])
                volumes.formUnion(
                    workload["spec", "volumeClaimTemplates"]?.items.compactMap { $0.text("metadata", "name") } ?? [])
                for mount in container["volumeMounts"]?.items ?? [] {
                    #expect(volumes.contains(mount.text("name") ?? ""), "\(workload.title): \(mount)")
                }
            }
            for volume in workload.pod?["volumes"]?.items ?? [] {
                if let map = volume.text("configMap", "name") {
                    _ = try rendering.object("ConfigMap", map)
                    used.insert("ConfigMap \(map)")
                }
                // The keys' Secret is made by hand: only its owner knows them.
                if let secret = volume.text("secret", "secretName"), secret != "api-keys" {
                    used.insert("Secret \(secret)")
                }
            }
        }
        let present = rendering.all("ConfigMap").map(\.title) + Rendering.secretKeys.keys.map { "Secret \($0)" }
        // The operator's own.
        #expect(Set(present).subtracting(["Secret redis-admin"]) == used)
        #expect(rendering.all("Secret").isEmpty, "Secrets are made by k8s/secrets.sh, and never committed")
    }

    @Test func secretsAreRandom() async throws {
        let secrets = try await Rendering.secrets()
        let again = try await Rendering.secrets()
        var keys: [String: Set<String>] = [:]
        for (secret, other) in zip(secrets, again) {
            #expect(secret.kind == "Secret" && secret.node.text("metadata", "namespace") == "msaas")
            let values = secret["stringData"]?.strings ?? [:]
            keys[secret.name] = Set(values.keys)
            for (key, value) in values {
                // Users' names are known.
                if value == secret.name.replacing("storage", with: "msaas") { continue }
                #expect(value.count >= 20, "\(key)")
                #expect(other["stringData"]?.strings[key] != value, "\(key) is the same each time")
            }
        }
        #expect(keys == Rendering.secretKeys)
        let users = try #require(secrets.first { $0.name == "redis-users" }?["stringData"]?.strings)
        for user in Rendering.redisUsers where user != "probe" {
            let secret = try #require(secrets.first { $0.name == "redis-\(user)" }?["stringData"]?.strings)
            let address = try RedisAddress(try #require(secret["REDIS_URL"]))
            #expect((address.host, address.port, address.user) == ("redis", 6379, user))
            #expect(address.password == users[user])
        }
        let known = try Project.text(of: "k8s/base/redis/users.acl").matches(of: /(?m)^user (\S+)/).map { String($0.1) }
        #expect(known == Rendering.redisUsers)
    }
}
