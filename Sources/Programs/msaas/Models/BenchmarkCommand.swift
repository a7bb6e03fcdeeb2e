import ArgumentParser
import Foundation
import HTDemucs
import Tensors
import Terminal
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
        let settings = try machine.settings()
        let choice = settings.choice()
        let kernels = choice.kernels
        let files = try await model.files(quietly: json)
        let (threads, passes, layers, json) = (settings.threadCount, passes, layers, json)
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

/// The times of one model's forward pass.
struct ModelTiming: Encodable {
    /// One row of the table of layers.
    struct Layer: Encodable {
        let name: String
        /// Wall-clock time.
        let milliseconds: Double
        /// Processor time, over all threads.
        let processorMilliseconds: Double
        /// Billions of operations of its products, as the definition counts them: what a faster algorithm saves is in there.
        let gigaflop: Double
        /// The same for each second of processor time: the rate of one core.
        let gigaflopsPerCore: Double
    }

    let segmentSeconds: Double
    let threads: Int
    let instructionSet: String
    /// What the operands of products are rounded to.
    let precision: String
    /// Wall-clock seconds of each pass.
    let seconds: [Double]
    /// Processor seconds of each pass, over all threads.
    let processorSeconds: [Double]
    let peakMegabytes: Double
    /// What the matrix product reaches on one core when everything lies in its cache, in billions of operations a second;
    /// 0 unless layers were asked for.
    let productGigaflops: Double
    let layers: [Layer]

    init(_ model: Model, threads: Int, passes: Int, profiled: Bool) throws {
        let frames = model.segmentFrames
        let mix = Self.noise(frames * model.channels)
        var output = [Float](repeating: 0, count: frames * model.channels * model.sources.count)
        let workspace = Workspace()
        func pass() throws {
            try mix.withUnsafeBufferPointer { mix in
                try output.withUnsafeMutableBufferPointer {
                    try model.forward(mix: mix, frames: frames, into: $0, workspace: workspace)
                }
            }
        }
        try pass()
        let profile = profiled ? Profile() : nil
        workspace.profile = profile
        var times: [(wall: Double, processor: Double)] = []
        for _ in 0..<passes {
            let (start, used) = (ContinuousClock.now, clock())
            try pass()
            times.append(((ContinuousClock.now - start) / .seconds(1), Double(clock() - used) / Double(CLOCKS_PER_SEC)))
        }
        segmentSeconds = model.segment
        self.threads = threads
        instructionSet = model.kernels.name
        precision = model.kernels.precision.rawValue
        seconds = times.map(\.wall)
        processorSeconds = times.map(\.processor)
        peakMegabytes = Self.peakMegabytes()
        layers = (profile?.layers ?? []).map {
            Layer(
                name: $0.name, milliseconds: $0.seconds / Double(passes) * 1000,
                processorMilliseconds: $0.processorSeconds / Double(passes) * 1000,
                gigaflop: $0.operations / Double(passes) * 1e-9,
                gigaflopsPerCore: $0.processorSeconds > 0 ? $0.operations / $0.processorSeconds * 1e-9 : 0)
        }
        productGigaflops = profiled ? KernelChoice.productRates(of: [model.kernels])[0] : 0
    }

    /// Repeatable noise of about -20 dB.
    private static func noise(_ count: Int) -> [Float] {
        var state: UInt64 = 1
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (Float(state >> 40) / Float(1 << 24) - 0.5) * 0.35
        }
    }

    private static func peakMegabytes() -> Double {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) * 1024 / 1e6
    }

    static func json(_ timings: [ModelTiming]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(timings), as: UTF8.self)
    }

    var text: String {
        let median = seconds.sorted()[seconds.count / 2]
        let processor = processorSeconds.sorted()[processorSeconds.count / 2]
        let summary = String(
            format:
                "%.2f s a segment of %.2f s (%.2f × real time), %.2f processor seconds, %d threads, %@ (%@), peak %.0f MB",
            median, segmentSeconds, segmentSeconds / median, processor, threads, precision, instructionSet,
            peakMegabytes)
        guard !layers.isEmpty else { return summary }
        var table = TextTable(
            ["layer", "wall ms", "processor ms", "share", "GFLOP", "GFLOP/s a core", "of the product's"],
            rightAligned: [1, 2, 3, 4, 5, 6])
        let total = layers.reduce(0) { $0 + $1.processorMilliseconds }
        func add(_ name: String, wall: Double, processor: Double, work: Double) {
            let rate = processor > 0 ? work / processor * 1000 : 0
            table.add([
                name, String(format: "%.1f", wall), String(format: "%.1f", processor),
                String(format: "%.1f %%", 100 * processor / total), String(format: "%.2f", work),
                work > 0 ? String(format: "%.1f", rate) : "",
                work > 0 ? String(format: "%.0f %%", 100 * rate / productGigaflops) : "",
            ])
        }
        for layer in layers {
            add(layer.name, wall: layer.milliseconds, processor: layer.processorMilliseconds, work: layer.gigaflop)
        }
        add(
            "all", wall: layers.reduce(0) { $0 + $1.milliseconds }, processor: total,
            work: layers.reduce(0) { $0 + $1.gigaflop })
        return summary + "\n\n" + table.text
            + String(format: "\nThe matrix product alone, in the cache: %.1f GFLOP/s a core.", productGigaflops)
    }
}
