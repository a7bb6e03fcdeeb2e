public import Foundation
public import HTTPServer
import Jobs
import ServiceContract

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

    /// Reads `WORKER_ID`, `MSAAS_OUTPUT_BUCKET`, `MSAAS_DRAIN_SECONDS`, `MSAAS_RECOVER_SECONDS`, `MSAAS_HEALTH_FILE`,
    /// `MSAAS_PROBE_HOST`, `MSAAS_PROBE_PORT` (which must be free when it is set; 0 for any), `TMPDIR`, and what ``JobLimits`` reads.
    ///
    /// - Throws: `InvalidOption` that names the variable, its value and what is allowed.
    public init(environment: [String: String]) throws(InvalidOption) {
        func text(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        self.init(
            id: text("WORKER_ID") ?? Self.processName(), outputBucket: text("MSAAS_OUTPUT_BUCKET") ?? "output")
        drainPeriod = try environment.seconds("MSAAS_DRAIN_SECONDS") ?? drainPeriod
        recoverEvery = try environment.seconds("MSAAS_RECOVER_SECONDS") ?? recoverEvery
        temporaryFolder = text("TMPDIR").map { URL(filePath: $0) } ?? temporaryFolder
        limits = try JobLimits(environment: environment)
        probeHost = text("MSAAS_PROBE_HOST") ?? probeHost
        if let text = text("MSAAS_PROBE_PORT") {
            guard let port = Int(text), (0...65535).contains(port) else {
                throw InvalidOption(
                    name: "MSAAS_PROBE_PORT", value: text, rule: "it must be a whole number from 0 to 65535")
            }
            probePort = .fixed(port)
        }
        healthFile = text("MSAAS_HEALTH_FILE").map { URL(filePath: $0) }
    }

    /// Host name and process id.
    public static func processName() -> String {
        "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
    }
}
