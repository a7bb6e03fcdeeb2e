import ArgumentParser
import Simulator

extension SampleTrace: ExpressibleByArgument {}

/// `autoscaler trace NAME`: prints a sample trace.
struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Print a sample trace as comma-separated values.",
        discussion: "Each line is one job: its arrival in seconds from the start, and its seconds of audio.")

    @Argument(help: "steady (2 h, 600 jobs), bursty (4 h) or day (100,000 jobs).")
    var name: SampleTrace

    func run() { print(name.make().text, terminator: "") }
}
