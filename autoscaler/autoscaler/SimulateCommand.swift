import ArgumentParser
import Foundation
import Policy
import Simulator

/// `autoscaler simulate TRACE`: what the policy would have done.
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Play a trace of arrivals against the policy, and show waits, cost and the course.",
        discussion: """
            TRACE is a file of comma-separated values (at,seconds) or of JSON lines ({"at": 12.5, "seconds": 210}), or the \
            name of a sample: \(SampleTrace.allCases.map(\.rawValue).joined(separator: ", ")).

            Settings: \(Settings.Name.allCases.map(\.rawValue).joined(separator: ", ")).
            """)

    @Argument(help: ArgumentHelp("A file, or the name of a sample.", valueName: "trace"))
    var trace: String

    @Flag(help: "Also play a KEDA-like and an HPA-like policy.")
    var compare = false

    @Option(name: .customLong("set"), help: ArgumentHelp("Change a setting; repeatable.", valueName: "name=value"))
    var assignments: [String] = []

    @Option(help: ArgumentHelp("Also play with each of these values; repeatable.", valueName: "name=value,value…"))
    var vary: [String] = []

    @OptionGroup(title: "Cluster")
    var cluster: ConditionsOptions

    @Option(help: ArgumentHelp("Write the course as an SVG picture.", valueName: "file"))
    var svg: String?

    @Flag(help: "Print every scaling with its reasons.")
    var log = false

    @Flag(help: "Print the reports as JSON instead.")
    var json = false

    @Option(help: ArgumentHelp("Columns to plot in (default: the terminal's).", valueName: "columns"))
    var width: Int?

    func run() throws {
        let conditions = try cluster.conditions()
        let (trace, settings) = try (load(), base())
        var scalers: [any Scaler] = [try PolicyScaler(settings)]
        for variation in vary { scalers += try variants(of: settings, variation) }
        if compare { scalers += [KEDAScaler(settings), HPAScaler(settings)] }

        let clock = ContinuousClock()
        var reports: [Report] = []
        let elapsed = try clock.measure {
            for scaler in scalers { reports.append(try Simulation.run(trace, scaler, conditions)) }
        }
        if let svg {
            do {
                try Data(SVGPlot(reports).document.utf8).write(to: URL(filePath: svg))
            } catch {
                throw ValidationError("The picture cannot be written to \(svg): \(error.localizedDescription)")
            }
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(reports), as: UTF8.self))
        } else {
            print(Summary(trace: trace, reports: reports, elapsed: elapsed, width: width ?? terminalWidth(), log: log))
        }
    }

    private func load() throws -> Trace {
        if FileManager.default.fileExists(atPath: trace) {
            let url = URL(filePath: trace)
            guard let data = try? Data(contentsOf: url) else {
                throw ValidationError("The trace \(trace) cannot be read. Is it a file, and may you read it?")
            }
            return try Trace(name: url.lastPathComponent, text: String(decoding: data, as: UTF8.self))
        }
        guard let sample = SampleTrace(rawValue: trace) else {
            let names = SampleTrace.allCases.map(\.rawValue).joined(separator: ", ")
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

    private func split(_ assignment: String) throws -> (String, String) {
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
