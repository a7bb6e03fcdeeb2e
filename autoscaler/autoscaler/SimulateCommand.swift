import ArgumentParser
import Controller
import EnvironmentSettings
import Foundation
import Policy
import Simulator
import Terminal

/// `autoscaler simulate TRACE`: what the policy would have done.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Play a trace of arrivals against the policy, and show waits, cost and the course.",
        discussion: """
            TRACE is a file of comma-separated values (at,seconds) or of JSON lines ({"at": 12.5, "seconds": 210}), or the \
            name of a sample: \(SampleTrace.allCases.map(\.rawValue).joined(separator: ", ")).

            Settings: \(Settings.Name.allCases.map(\.rawValue).joined(separator: ", ")).

            With the heading at,requests each line is a time and the requests a second from then on, which are played against the policy \
            for functions; samples: \(SampleRequests.allCases.map(\.rawValue).joined(separator: ", ")). Settings of these: \
            \(ConcurrencySettings.settings.map(\.name).joined(separator: ", ")).
            """)

    @Argument(help: ArgumentHelp("A file, or the name of a sample.", valueName: "trace"))
    var trace: String

    @Flag(help: "Also play KEDA, ScaledJob, the HPA, Knative, and one who knows the future.")
    var compare = false

    @Option(name: .customLong("set"), help: ArgumentHelp("Change a setting; repeatable.", valueName: "name=value"))
    var assignments: [String] = []

    @Option(help: ArgumentHelp("Also play with each of these values; repeatable.", valueName: "name=value,value…"))
    var vary: [String] = []

    @OptionGroup(title: "Cluster")
    var cluster: ConditionsOptions

    @OptionGroup(title: "Function")
    var function: FunctionOptions

    @Option(help: ArgumentHelp("Write the course as an SVG picture.", valueName: "file"))
    var svg: String?

    @Flag(help: "Print every scaling with its reasons.")
    var log = false

    @Flag(help: "Print the reports as JSON instead.")
    var json = false

    @Option(help: ArgumentHelp("Columns to plot in (default: the terminal's).", valueName: "columns"))
    var width: Int?

    func run() async throws {
        let conditions = try cluster.conditions()
        if let requests = try requests() { return try play(requests, conditions) }
        let (trace, settings) = try (load(), base())
        var scalers: [any Scaler] = [try PolicyScaler(settings)]
        for variation in vary { scalers += try variants(of: settings, variation) }
        if compare { scalers += rivals(trace, settings, conditions) }

        let clock = ContinuousClock()
        let begin = clock.now
        let reports = try await play(scalers, trace, conditions, promise: settings.targetWait)
        let elapsed = clock.now - begin
        if let svg {
            do {
                try Data(SVGPlot(reports).document.utf8).write(to: URL(filePath: svg))
            } catch {
                throw ValidationError("The picture cannot be written to \(svg): \(error.localizedDescription)")
            }
        }
        if json {
            say(try encoded(reports))
        } else {
            say(
                "\(Summary(trace: trace, reports: reports, elapsed: elapsed, width: width ?? terminalWidth(), log: log))"
            )
        }
    }

    /// Plays all at the same time, as far as there are processors.
    private func play(
        _ scalers: [any Scaler], _ trace: Trace, _ conditions: Conditions, promise: Duration
    ) async throws -> [SimulationReport] {
        try await withThrowingTaskGroup(of: (Int, SimulationReport).self) { group in
            for (index, scaler) in scalers.enumerated() {
                group.addTask { (index, try Simulation.run(trace, scaler, conditions, promise: promise)) }
            }
            var reports: [Int: SimulationReport] = [:]
            for try await (index, report) in group { reports[index] = report }
            return scalers.indices.compactMap { reports[$0] }
        }
    }

    /// The text of a file; nil where there is none of that name.
    func text() throws -> (name: String, text: String)? {
        guard FileManager.default.fileExists(atPath: trace) else { return nil }
        let url = URL(filePath: trace)
        guard let data = try? Data(contentsOf: url) else {
            throw ValidationError("The trace \(trace) cannot be read. Is it a file, and may you read it?")
        }
        return (url.lastPathComponent, String(decoding: data, as: UTF8.self))
    }

    private func load() throws -> Trace {
        if let (name, text) = try text() { return try Trace(name: name, text: text) }
        guard let sample = SampleTrace(rawValue: trace) else {
            let names = (SampleTrace.allCases.map(\.rawValue) + SampleRequests.allCases.map(\.rawValue))
                .joined(separator: ", ")
            throw ValidationError("There is no file \(trace), and no sample of that name; the samples are \(names).")
        }
        return sample.make()
    }

    private func base() throws -> Settings {
        var settings = Settings()
        if !FileManager.default.fileExists(atPath: trace), let sample = SampleTrace(rawValue: trace) {
            settings.maxReplicas = sample.maxReplicas
        }
        for assignment in assignments {
            let (name, value) = try split(assignment)
            try settings.set(name, to: value)
        }
        try settings.validate()
        return settings
    }

    private func variants(of settings: Settings, _ variation: String) throws -> [any Scaler] {
        let (name, values) = try split(variation)
        return try values.split(separator: ",", omittingEmptySubsequences: false).map { value in
            var varied = settings
            try varied.set(name, to: String(value))
            return try PolicyScaler(varied, name: "\(name)=\(value)")
        }
    }

    func split(_ assignment: String) throws -> (String, String) {
        guard let sign = assignment.firstIndex(of: "=") else {
            throw ValidationError("\"\(assignment)\" sets nothing; write name=value, as in max-replicas=10.")
        }
        return (String(assignment[..<sign]), String(assignment[assignment.index(after: sign)...]))
    }
}

/// The columns of the terminal, else 80.
private func terminalWidth() -> Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
}

/// What the simulated cluster is like.
struct ConditionsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("From a pod's creation to its readiness.", valueName: "time"))
    var podStart = "10s"

    @Option(help: ArgumentHelp("The same where a node has to be made first.", valueName: "time"))
    var coldStart = "60s"

    @Option(help: ArgumentHelp("The share of starts that are so.", valueName: "0…1"))
    var coldShare = 0.1

    @Option(help: ArgumentHelp("Seconds of work for one second of audio.", valueName: "factor"))
    var realTimeFactor = 0.3

    @Option(help: ArgumentHelp("For each job besides separating.", valueName: "time"))
    var jobOverhead = "2s"

    @Option(help: ArgumentHelp("What a pod is given to finish when it is told to go.", valueName: "time"))
    var grace = "600s"

    @Option(help: ArgumentHelp("What one worker asks for.", valueName: "MiB"))
    var workerMemory = 512

    @Option(help: ArgumentHelp("What there is for all workers (default: unlimited).", valueName: "MiB"))
    var memory: Int?

    @Option(help: ArgumentHelp("Varies the start times.", valueName: "number"))
    var seed: UInt64 = 1

    func conditions() throws -> Conditions {
        var conditions = Conditions()
        conditions.podStart = try seconds(podStart, "--pod-start")
        conditions.coldStart = try seconds(coldStart, "--cold-start")
        conditions.coldShare = coldShare
        conditions.realTimeFactor = realTimeFactor
        conditions.jobOverhead = try seconds(jobOverhead, "--job-overhead")
        conditions.grace = try seconds(grace, "--grace")
        conditions.workerMemory = try bytes(workerMemory, "--worker-memory")
        conditions.memory = try memory.map { try bytes($0, "--memory") }
        conditions.seed = seed
        try conditions.validate()
        return conditions
    }

    private func seconds(_ text: String, _ option: String) throws -> Double {
        guard let length = Form.timeOrSeconds.read(text) else {
            throw ValidationError("\(option) is \"\(text)\", but it must be a length of time, such as 10s or 2m.")
        }
        return length.seconds
    }

    private func bytes(_ mebibytes: Int, _ option: String) throws -> Int64 {
        guard (1...1_000_000_000).contains(mebibytes) else {
            throw ValidationError("\(option) is \(mebibytes), but it must be from 1 to 1000000000 MiB.")
        }
        return Int64(mebibytes) << 20
    }
}

/// What `simulate` prints.
struct Summary: CustomStringConvertible {
    let trace: Trace
    let reports: [SimulationReport]
    let elapsed: Duration
    let width: Int
    let log: Bool

    var description: String {
        var text = "\(trace.name): \(trace.arrivals.count) jobs with \(Duration.seconds(trace.audio).words) of audio"
        text += " in \(Duration.seconds(trace.span).words)\n\n"
        if log, let report = reports.first { text += Self.actions(report.actions) + "\n" }
        text += "\(ReportTable(reports))\n"
        let plot = TerminalPlot(width: width)
        if reports.count == 1, let report = reports.first {
            text += plot.panels(report)
        } else {
            text += plot.comparison(reports)
        }
        let simulated = reports.reduce(0) { $0 + $1.span }
        let factor = Int(simulated / max(elapsed.seconds, 1e-6))
        text += "\nSimulated \(Duration.seconds(simulated).words) in \(decimal(elapsed.seconds, digits: 2)) s:"
        return text + " \(factor) times real time."
    }

    static func actions(_ actions: [SimulationReport.Action]) -> String {
        actions.map { action in
            let second = Int(action.at)
            let time = [second / 3600, second / 60 % 60, second % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
            return "\(time.joined(separator: ":"))  \(action.from) → \(action.to)  \(action.why)\n"
        }.joined()
    }
}

extension SampleTrace: ExpressibleByArgument {}
