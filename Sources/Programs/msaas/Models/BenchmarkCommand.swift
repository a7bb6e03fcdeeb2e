import ArgumentParser
import Foundation
import HTDemucs
import Tensors
import Threading

/// `msaas benchmark`: how fast a model runs on this machine.
struct BenchmarkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Time a model's forward pass on this machine.",
        discussion: "Runs the model on noise of one segment. Times are medians; memory is the whole process's peak.")

    @OptionGroup var model: ModelOptions
    @OptionGroup var machine: MachineOptions

    @Option(help: "Timed passes, after one that is not.")
    var passes = 5

    @Flag(help: "Print the time and the arithmetic rate of each layer.")
    var layers = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard passes > 0 else { throw ValidationError("--passes is \(passes); it must be at least 1.") }
    }

    func run() async throws {
        let choice = try machine.kernels()
        let kernels = choice.kernels
        let files = try await model.files(quietly: json)
        let (threads, passes, layers, json) = (machine.threadCount, passes, layers, json)
        let text = try await BlockingThread(name: "benchmark").run {
            var results: [ModelTiming] = []
            for checkpoint in try files.open() {
                let pool = ThreadPool(threads: threads)
                let model = try Model(checkpoint, pool: pool, kernels: kernels)
                results.append(try ModelTiming(model, threads: threads, passes: passes, profiled: layers))
            }
            return try json
                ? ModelTiming.json(results)
                : results.map { $0.text }.joined(separator: "\n\n") + "\nKernels: \(choice)"
        }
        say(text)
    }
}
