import ArgumentParser
import Controller
import Foundation
import HTTPTransport
import Kubernetes
import Logging
import Observability
import Policy
import ServiceLifecycle
import Terminal

/// `autoscaler run`: scales a Deployment until SIGTERM.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Scale the workers of a cluster by the jobs in Redis, and functions by their requests in flight.",
        discussion: """
            A setting comes from its flag, else from the environment (AUTOSCALER_MAX_REPLICAS for --max-replicas), else from \
            the file, else it has the default given in brackets. Times are written 500ms, 90s, 5m or 1h.

            The way to the cluster is KUBECONFIG, else the pod's service account, else ~/.kube/config. Several may run: one \
            leads, and another takes over when it is gone. LOG_LEVEL sets how much is logged.
            """)

    @OptionGroup(title: "Settings")
    var options: RunOptions

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let configuration = try readable {
            try ControllerConfiguration(flags: options.flags, environment: environment, path: options.config)
        }
        try readable { try LogSettings.bootstrap(environment) }
        let logger = Logger(label: "autoscaler")

        let identity = configuration.identity ?? Self.makeIdentity()
        let client = try readable { try Self.client(configuration, environment) }
        let queue = try readable { try configuration.queue(environment) }
        func target(_ deployment: String) -> KubernetesTarget {
            KubernetesTarget(
                client: client, deployment: deployment, room: configuration.memoryRoom,
                nodeSelector: configuration.nodeSelector, identity: identity, logger: logger)
        }
        let functions = try readable {
            try configuration.functions.compactMap { function -> ScaledFunction? in
                guard case .concurrency(let settings) = function.kind else { return nil }
                return ScaledFunction(
                    name: function.deployment, policy: try ConcurrencyPolicy(settings),
                    target: target(function.deployment))
            }
        }
        let controller = Controller(
            policy: try readable { try ScalingPolicy(configuration.policy) }, queue: queue,
            target: target(configuration.deployment), functions: functions,
            leadership: LeaseElection(
                client: client, name: configuration.leaseName, identity: identity, timing: configuration.election,
                logger: logger),
            options: configuration.options, logger: logger)
        let server = controller.status.server(
            host: configuration.listening.host, port: configuration.listening.port, metrics: PrometheusRegistry(),
            logger: logger
        ) { logger.info("serving /healthz and /metrics", metadata: ["port": .stringConvertible($0)]) }
        // They end in reverse order, so that the last word can still be read.
        try await ServiceGroup(
            services: [server, controller], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        ).run()
    }

    private static func client(
        _ configuration: ControllerConfiguration, _ environment: [String: String]
    ) throws -> KubernetesClient {
        // The next round is the retry; a call repeats only what a moment mends.
        let cluster = try ClusterConfiguration.detect(context: configuration.context, environment: environment)
        var client = KubernetesClient(cluster, retry: RetryPolicy(attempts: 2))
        client.namespace = configuration.namespace ?? client.namespace
        return client
    }

    private static func makeIdentity() -> String {
        "\(ProcessInfo.processInfo.hostName)_\(String(UInt32.random(in: 0 ... .max), radix: 16))"
    }
}

/// The settings of `autoscaler run` as flags. Their values stay text until all sources are put together.
struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A YAML file of settings, name: value (AUTOSCALER_CONFIG).", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The Deployment to scale (worker).", valueName: "name")) var deployment: String?
    @Option(help: ArgumentHelp("A YAML file of what to scale, and by what (that Deployment).", valueName: "file"))
    var targets: String?
    @Option(help: ArgumentHelp("Its namespace (that of the context or pod).", valueName: "name")) var namespace: String?
    @Option(help: ArgumentHelp("The kubeconfig's context.", valueName: "name")) var context: String?
    @Option(help: ArgumentHelp("What limits memory: nodes, quota or none (nodes).", valueName: "what"))
    var memoryRoom: String?
    @Option(help: ArgumentHelp("Labels of the nodes for workers (all without taints).", valueName: "selector"))
    var nodeSelector: String?
    @Option(help: ArgumentHelp("The Lease to elect the leader by (msaas-autoscaler).", valueName: "name"))
    var leaseName: String?
    @Option(help: ArgumentHelp("How long a dead leader's Lease lasts (6s).", valueName: "time")) var leaseDuration:
        String?
    @Option(help: ArgumentHelp("How long a leader acts after a renewal (4s).", valueName: "time"))
    var renewDeadline: String?
    @Option(help: ArgumentHelp("The pause between renewals (1s).", valueName: "time")) var retryPeriod: String?
    @Option(help: ArgumentHelp("This controller's name (host name and random digits).", valueName: "name"))
    var identity: String?
    @Option(help: ArgumentHelp("The pause between rounds (1s).", valueName: "time")) var interval: String?
    @Option(help: ArgumentHelp("How long a worker may be silent (10s).", valueName: "time")) var heartbeatTimeout:
        String?
    @Option(help: ArgumentHelp("Changes within it make one Event (30s).", valueName: "time")) var eventWindow: String?
    @Option(help: ArgumentHelp("Mark busy workers as not to be moved (true).", valueName: "true|false"))
    var protectBusy: String?
    @Option(help: ArgumentHelp("Redis (REDIS_URL, redis://127.0.0.1:6379/0).", valueName: "url")) var redisURL: String?
    @Option(help: ArgumentHelp("Where /healthz and /metrics are (0.0.0.0:9090).", valueName: "host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("The fewest workers (0).", valueName: "count")) var minReplicas: String?
    @Option(help: ArgumentHelp("The most workers (20).", valueName: "count")) var maxReplicas: String?
    @Option(help: ArgumentHelp("Unfinished jobs that one worker is there for (1).", valueName: "count"))
    var targetJobsPerWorker: String?
    @Option(
        help: ArgumentHelp(
            "Workers kept beyond the demand, in percent of those that worked (8).", valueName: "percent"))
    var sparePercent: String?
    @Option(help: ArgumentHelp("The same in percent of what the demand has just risen by (100).", valueName: "percent"))
    var trendPercent: String?
    @Option(help: ArgumentHelp("How long the known work may take in all (60s).", valueName: "time")) var targetWait:
        String?
    @Option(help: ArgumentHelp("Workers that may be added in a growth period (10).", valueName: "count"))
    var growthStep: String?
    @Option(help: ArgumentHelp("The same as a share of the fleet (100).", valueName: "percent")) var growthPercent:
        String?
    @Option(help: ArgumentHelp("What growth is counted over (15s).", valueName: "time")) var growthPeriod: String?
    @Option(help: ArgumentHelp("No further growth so soon after growth (3s).", valueName: "time"))
    var growthPause: String?
    @Option(help: ArgumentHelp("How long half of the workers must be unneeded (30s).", valueName: "time"))
    var stabilisationWindow: String?
    @Option(help: ArgumentHelp("How long fewer than half must be unneeded (5m).", valueName: "time"))
    var settleWindow: String?
    @Option(help: ArgumentHelp("How long without work until the last goes (2m).", valueName: "time")) var idleWindow:
        String?
    @Option(help: ArgumentHelp("A longer gap in observing starts windows anew (15s).", valueName: "time"))
    var longestGap: String?
    @Option(help: ArgumentHelp("How long a worker may find no place (30s).", valueName: "time")) var pendingGrace:
        String?
    @Option(help: ArgumentHelp("How long a worker may take to come up (3m).", valueName: "time")) var startGrace:
        String?
    @Option(help: ArgumentHelp("No growth after a kill for memory (5m).", valueName: "time")) var memoryKillPause:
        String?

    /// The flags that were given, by setting.
    var flags: [String: String] {
        [
            "deployment": deployment, "targets": targets, "namespace": namespace, "context": context,
            "memory-room": memoryRoom,
            "node-selector": nodeSelector, "lease-name": leaseName, "lease-duration": leaseDuration,
            "renew-deadline": renewDeadline, "retry-period": retryPeriod, "identity": identity, "interval": interval,
            "heartbeat-timeout": heartbeatTimeout, "event-window": eventWindow, "protect-busy": protectBusy,
            "redis-url": redisURL, "listen": listen,
            "min-replicas": minReplicas, "max-replicas": maxReplicas, "target-jobs-per-worker": targetJobsPerWorker,
            "spare-percent": sparePercent, "trend-percent": trendPercent, "target-wait": targetWait,
            "growth-step": growthStep,
            "growth-percent": growthPercent,
            "growth-period": growthPeriod, "growth-pause": growthPause,
            "stabilisation-window": stabilisationWindow, "settle-window": settleWindow, "idle-window": idleWindow,
            "longest-gap": longestGap, "pending-grace": pendingGrace, "start-grace": startGrace,
            "memory-kill-pause": memoryKillPause,
        ].compactMapValues(\.self)
    }
}
