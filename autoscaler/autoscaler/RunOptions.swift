import ArgumentParser
import Controller

/// The settings of `autoscaler run` as flags. Their values stay text until all sources are put together.
struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A YAML file of settings, name: value (AUTOSCALER_CONFIG).", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The Deployment to scale (worker).", valueName: "name")) var deployment: String?
    @Option(help: ArgumentHelp("Its namespace (that of the context or pod).", valueName: "name")) var namespace: String?
    @Option(help: ArgumentHelp("The kubeconfig's context.", valueName: "name")) var context: String?
    @Option(help: ArgumentHelp("What limits memory: nodes, quota or none (nodes).", valueName: "what"))
    var memoryRoom: String?
    @Option(help: ArgumentHelp("Labels of the nodes for workers (all without taints).", valueName: "selector"))
    var nodeSelector: String?
    @Option(help: ArgumentHelp("The Lease to elect the leader by (msaas-autoscaler).", valueName: "name"))
    var leaseName: String?
    @Option(help: ArgumentHelp("How long a dead leader's Lease lasts (15s).", valueName: "time")) var leaseDuration:
        String?
    @Option(help: ArgumentHelp("How long a leader acts after a renewal (10s).", valueName: "time"))
    var renewDeadline: String?
    @Option(help: ArgumentHelp("The pause between renewals (2s).", valueName: "time")) var retryPeriod: String?
    @Option(help: ArgumentHelp("This controller's name (host name and random digits).", valueName: "name"))
    var identity: String?
    @Option(help: ArgumentHelp("The pause between rounds (1s).", valueName: "time")) var interval: String?
    @Option(help: ArgumentHelp("How long a worker may be silent (10s).", valueName: "time")) var heartbeatTimeout:
        String?
    @Option(help: ArgumentHelp("Changes within it make one Event (30s).", valueName: "time")) var eventWindow: String?
    @Option(help: ArgumentHelp("Redis (REDIS_URL, redis://127.0.0.1:6379/0).", valueName: "url")) var redisURL: String?
    @Option(help: ArgumentHelp("Where /healthz and /metrics are (0.0.0.0:9090).", valueName: "host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("The fewest workers (0).", valueName: "count")) var minReplicas: String?
    @Option(help: ArgumentHelp("The most workers (20).", valueName: "count")) var maxReplicas: String?
    @Option(help: ArgumentHelp("Unfinished jobs that one worker is there for (2).", valueName: "count"))
    var targetJobsPerWorker: String?
    @Option(help: ArgumentHelp("How long the known work may take in all (60s).", valueName: "time")) var targetWait:
        String?
    @Option(help: ArgumentHelp("Workers that may be added in a growth period (10).", valueName: "count"))
    var growthStep: String?
    @Option(help: ArgumentHelp("The same as a share of the fleet (100).", valueName: "percent")) var growthPercent:
        String?
    @Option(help: ArgumentHelp("What growth is counted over (15s).", valueName: "time")) var growthPeriod: String?
    @Option(help: ArgumentHelp("How long more workers must be unneeded (30s).", valueName: "time"))
    var stabilisationWindow: String?
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
            "deployment": deployment, "namespace": namespace, "context": context, "memory-room": memoryRoom,
            "node-selector": nodeSelector, "lease-name": leaseName, "lease-duration": leaseDuration,
            "renew-deadline": renewDeadline, "retry-period": retryPeriod, "identity": identity, "interval": interval,
            "heartbeat-timeout": heartbeatTimeout, "event-window": eventWindow, "redis-url": redisURL, "listen": listen,
            "min-replicas": minReplicas, "max-replicas": maxReplicas, "target-jobs-per-worker": targetJobsPerWorker,
            "target-wait": targetWait, "growth-step": growthStep, "growth-percent": growthPercent,
            "growth-period": growthPeriod, "stabilisation-window": stabilisationWindow, "idle-window": idleWindow,
            "longest-gap": longestGap, "pending-grace": pendingGrace, "start-grace": startGrace,
            "memory-kill-pause": memoryKillPause,
        ].compactMapValues(\.self)
    }
}
