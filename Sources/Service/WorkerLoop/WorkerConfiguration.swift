public import EnvironmentSettings
public import Foundation
public import HTTPServer

/// How a worker works.
public struct WorkerConfiguration: Sendable, Equatable {
    /// The worker's name, unique among the living.
    public var id: String
    /// The bucket that the stems go to.
    public var outputBucket: String
    /// How long a job may go on after the worker was asked to end; then it is given back.
    public var drainPeriod: Duration = .seconds(25)
    /// How often jobs of lost workers are looked for.
    public var recoverEvery: Duration = .seconds(5)
    /// How long storing a stem is tried while the storage is away or full; then the job is given back.
    public var storagePatience: Duration = .seconds(3600)
    /// Where songs and stems are while they are worked on.
    public var temporaryFolder: URL = FileManager.default.temporaryDirectory
    /// An attempt that fails while the temporary folder's disk has fewer bytes left is not the song's fault: the job is
    /// given back.
    public var leastFreeSpace = 64 << 20
    /// What one job may take.
    public var limits = JobLimits()
    /// A file whose time of change is the worker's last sign of life, for probes.
    public var healthFile: URL?
    /// The address that probes and metrics are served at.
    public var probeHost = "127.0.0.1"
    /// Their port.
    public var probePort = ProbeServer.Port.from(9091)

    /// A worker of this name with the usual settings.
    public init(id: String = Self.processName(), outputBucket: String = "output") {
        self.id = id
        self.outputBucket = outputBucket
    }

    /// Reads the ``settings``.
    ///
    /// - Throws: `ConfigurationError` that names the variable, its value and what is allowed.
    public init(environment: [String: String]) throws(ConfigurationError) {
        self = try .reading(environment)
    }

    /// Host name and process id.
    public static func processName() -> String {
        "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
    }
}

extension WorkerConfiguration: Configurable {
    /// A worker named by host and process.
    public static var usual: WorkerConfiguration { WorkerConfiguration() }

    /// What the environment says of it.
    public static var settings: [Setting<WorkerConfiguration>] {
        [
            Setting("WORKER_ID", \.id, .text("a name"), otherwise: "host name and process id"),
            Setting("MSAAS_OUTPUT_BUCKET", \.outputBucket, .text("a bucket")),
            Setting("MSAAS_RECOVER_SECONDS", \.recoverEvery, .seconds(0.05...86_400)),
            Setting("MSAAS_DRAIN_SECONDS", \.drainPeriod, .seconds(0...86_400)),
            Setting("MSAAS_HEALTH_FILE", \.healthFile, .path("a file"), otherwise: "none"),
            Setting("MSAAS_PROBE_HOST", \.probeHost, .text("an address of this machine")),
            Setting(
                "MSAAS_PROBE_PORT", \.probePort, .probePort, otherwise: ProbeServer.Port.usualWords),
            Setting("TMPDIR", \.temporaryFolder, .path("a folder"), otherwise: "`/tmp`"),
        ] + JobLimits.settings.map { $0.within(\.limits) }
    }
}

extension Form<ProbeServer.Port> {
    /// A port that must be free; 0 takes any.
    fileprivate static var probePort: Form {
        let form = Form<Int>.whole(0...65_535)
        return Form(form.words) { form.read($0).map { .fixed($0) } }
    }
}
