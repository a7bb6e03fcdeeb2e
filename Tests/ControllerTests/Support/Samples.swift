import Controller
import Encodings
import HTTPTransport
import Foundation
import Jobs
import Kubernetes
import KubernetesDouble
import Policy
import ServiceContract
import TestSupport

extension ServerProcess {
    /// A client with little patience, as the controller's.
    func queue(lease: Duration = .seconds(30)) throws -> RedisJobQueue {
        try RedisJobQueue(
            url: "redis://127.0.0.1:\(port)",
            options: QueueOptions(
                lease: lease, connections: 1,
                timeouts: RedisTimeouts(connect: .seconds(1), command: .seconds(2), patience: .milliseconds(100))))
    }
}

extension ClusterDouble {
    /// A Deployment whose pods ask for 600 MiB and half a core each, and are limited to a whole one.
    func putWorker(replicas: Int = 0, app: String = "worker") throws {
        try put(
            .deployments,
            [
                "metadata": ["name": "worker"],
                "spec": [
                    "replicas": .int(replicas),
                    "selector": ["matchLabels": ["app": .string(app)]],
                    "template": [
                        "metadata": ["labels": ["app": .string(app)]],
                        "spec": [
                            "containers": [
                                [
                                    "name": "worker",
                                    "resources": [
                                        "requests": ["memory": "600Mi", "cpu": "500m"],
                                        "limits": ["memory": "600Mi", "cpu": "1"],
                                    ],
                                ]
                            ]
                        ],
                    ],
                ],
            ])
    }

    /// A node with room for pods.
    func putNode(_ name: String, memory: String, taint: String? = nil) throws {
        var node: JSONValue = [
            "metadata": ["name": .string(name), "labels": ["pool": .string(name)]],
            "status": ["allocatable": ["memory": .string(memory), "pods": "110"]],
        ]
        if let taint { node["spec"] = ["taints": [["key": .string(taint), "effect": "NoSchedule"]]] }
        try put(.nodes, node)
    }

    /// A quota on the namespace's memory.
    func putQuota(memory: String) throws {
        try put(
            .resourcequotas, ["metadata": ["name": "memory"], "spec": ["hard": ["requests.memory": .string(memory)]]])
    }

    /// A quota on any resource; perhaps one that only counts pods of a priority, which the double does not look at.
    func putQuota(_ resource: String, _ hard: String, onlyPriority: Bool = false) throws {
        var spec: JSONValue = ["hard": [resource: .string(hard)]]
        if onlyPriority {
            spec["scopeSelector"] = ["matchExpressions": [["scopeName": "PriorityClass", "operator": "Exists"]]]
        }
        try put(
            .resourcequotas,
            ["metadata": ["name": .string(resource.replacing(/[.\/]/, with: "-"))], "spec": spec])
    }

    /// The numbers that `/scale` was set to, one after the other, by anybody or by one account.
    func scalings(by user: String? = nil) -> [Int] {
        calls.filter {
            $0.method == "PATCH" && $0.target.hasSuffix("/scale") && $0.status == 200
                && (user == nil || $0.user == user)
        }.compactMap { call in
            (try? JSONDecoder.kubernetes.decode(JSONValue.self, from: Data(call.body.utf8)))?["spec"]?["replicas"]?.int
        }
    }

    /// The notes of the Events on the Deployment, by reason.
    func notes(_ reason: String) -> [String] {
        objects(.events).filter { $0["reason"]?.string == reason }.compactMap { $0["note"]?.string }
    }
}

extension DoubleServer {
    /// A client with credentials, if they are needed.
    func client(token: Credentials.Token? = nil, transport: (any HTTPTransport)? = nil) -> KubernetesClient {
        let configuration = ClusterConfiguration(
            server: url, credentials: Credentials(token: token), namespace: "msaas")
        let retry = RetryPolicy(attempts: 2, first: .milliseconds(10), longest: .milliseconds(50))
        return KubernetesClient(configuration, transport: transport ?? CurlTransport(), retry: retry)
    }
}

/// Settings with windows that a test can wait for.
func quickSettings(_ change: (inout Settings) -> Void = { _ in }) -> Settings {
    var settings = Settings()
    settings.maxReplicas = 8
    settings.targetJobsPerWorker = 2
    settings.growthPeriod = .milliseconds(300)
    settings.stabilisationWindow = .milliseconds(400)
    (settings.settleWindow, settings.growthPause, settings.trendPercent) = (.zero, .zero, 0)
    settings.idleWindow = .milliseconds(600)
    change(&settings)
    return settings
}

/// Options with rounds that follow each other quickly.
let quickOptions = ControllerOptions(
    interval: .milliseconds(60), heartbeatTimeout: .seconds(10), eventWindow: .seconds(2))

/// A job that nobody knows yet.
func newJob() -> Job {
    let id = JobID.random()
    return Job(id: id, bucket: "queue", key: "\(id)/song.mp3", filename: "song.mp3")
}

/// What a finished job leaves.
func manifest(of job: Job) -> Manifest {
    Manifest(
        job: job.id, model: "starter", filename: job.filename, duration: 0.1, sampleRate: 44100, stems: [],
        separationSeconds: 0.03, warnings: [], finishedAt: Date())
}
