public import EnvironmentSettings
import Foundation
import ProcessUsage

/// What a separation takes of memory at its peak, and how many threads it runs on so that it fits.
///
/// Segments are worked on one at a time, with all threads: on the machines measured (see `Benchmarks/README.md`) several at
/// a time were no faster and took a workspace more each.
public struct MemoryPlan: Sendable, Equatable, CustomStringConvertible {
    /// Threads that work together on a segment.
    public var threads: Int
    /// Tracks that are worked on at a time, each with so many threads.
    public var tracks = 1
    /// The limit, if there is one.
    public var limit: MemoryLimit?
    /// What the process took before the first model was loaded.
    package var program: Int
    /// Weights of all models in memory.
    package var weights: Int
    /// What a forward pass of one track works in.
    package var work: Int
    /// The same for the track around the segment, the sums of the stems, decoders, encoders, and a reserve.
    package var buffers: Int

    /// The estimated peak of the process's resident memory, in bytes.
    public var bytes: Int { program + weights + tracks * (work + buffers) }

    /// The choice, for a log.
    public var description: String {
        "\(threads) \(threads == 1 ? "thread" : "threads"), "
            + (tracks == 1 ? "one segment at a time" : "for each of \(tracks) tracks at a time")
            + ", at most \(megabytes(bytes)) of memory"
            + (limit.map { " (\($0.source) allows \(megabytes($0.bytes)))" } ?? "")
    }

    /// Refuses what cannot fit, whatever else is chosen, before a model is loaded.
    package static func check(_ demand: MemoryDemand, limit: MemoryLimit?) throws {
        // Asked for first of all: later the process holds models.
        let least = program + demand.parameters + demand.buffers
        guard let limit, least > limit.bytes else { return }
        throw SeparationError.tooLittleMemory(
            "\(demand.name) needs more than \(megabytes(least)) of memory, of which its weights take "
                + "\(megabytes(demand.parameters)), and \(limit.source) allows \(megabytes(limit.bytes)); "
                + "raise the limit or choose a smaller model.")
    }

    /// Chooses the most threads that fit, up to `threads`, for models that are loaded.
    ///
    /// - Parameters:
    ///   - weights: what all models in memory hold
    ///   - work: what a forward pass works in with so many threads
    package static func choose(
        _ demand: MemoryDemand, weights: Int, threads: Int, limit: MemoryLimit?,
        work: (_ threads: Int) throws -> Int
    ) throws -> MemoryPlan {
        var plan = MemoryPlan(
            threads: threads, limit: limit, program: program, weights: weights, work: try work(threads),
            buffers: demand.buffers)
        guard let limit else { return plan }
        while plan.bytes > limit.bytes, plan.threads > 1 {
            plan.threads -= 1
            plan.work = try work(plan.threads)
        }
        guard plan.bytes > limit.bytes else { return plan }
        throw SeparationError.tooLittleMemory(
            "\(demand.name) needs \(megabytes(plan.bytes)) of memory even with one thread (\(megabytes(plan.weights)) "
                + "for weights, \(megabytes(plan.work)) to work in, \(megabytes(plan.program + plan.buffers)) for the rest), "
                + "and \(limit.source) allows \(megabytes(limit.bytes)); raise the limit or choose a smaller model.")
    }

    /// How many tracks with this plan, which is for one, fit beside each other: they share the weights, and each has its own working memory.
    ///
    /// - Parameter limit: what the process may take; nil for what the machine has free.
    package func tracksThatFit(limit: MemoryLimit?) -> Int {
        guard let room = limit.map({ $0.bytes - bytes }) ?? Self.freeBytes().map({ $0 - work - buffers }) else {
            return 1
        }
        return 1 + max(0, room) / max(1, work + buffers)
    }

    /// Bytes that the machine could give to processes without swapping; nil where the system does not say.
    private static func freeBytes() -> Int? {
        let lines = ((try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? "").split(separator: "\n")
        return lines.first { $0.hasPrefix("MemAvailable:") }?.split(separator: " ").dropFirst().first
            .flatMap { Int($0) }.map { $0 * 1024 }
    }

    /// What this process took when it was first asked: before it loaded a model.
    private static let program = max(40_000_000, ProcessUsage.residentBytes)
}

/// What is known of a separation's memory before its models are loaded, in bytes.
package struct MemoryDemand {
    /// What to call it: the bag's name.
    package var name: String
    /// The parameters of the models that run.
    package var parameters: Int
    /// Everything but weights and the forward pass.
    package var buffers: Int

    /// Decoders, stacks, code that is touched later, and what the allocator does not give back.
    private static let reserve = 16_000_000
    /// The encoder of a stem; FLAC's is the largest.
    private static let encoder = 7_500_000

    /// The demand of lanes over a bag whose `sources` are wanted, with an encoder for each and for so many files beside them.
    package init(bag: Bag, members: Set<Int>, lanes: [LaneShape], sources: Int, otherFiles: Int = 0) {
        name = "The model \(bag.name)"
        parameters = members.reduce(0) { $0 + bag.members[$1].parameterBytes }
        let chunk = lanes.map(\.chunkFrames).max() ?? 0
        let input = lanes.map(\.inputFrames).max() ?? 0
        // The model's input and output; the stems' sums; the track around the segment; weights of the overlap.
        let floats =
            input * bag.channels * (1 + bag.sources.count) + chunk * bag.channels * sources
            + (chunk + input) * bag.channels + 3 * chunk
        buffers = 4 * floats + (sources + otherFiles) * Self.encoder + Self.reserve
    }
}

extension LaneShape {
    /// Frames that the model is run on at the most.
    var inputFrames: Int { max(modelFrames, paddedFrames ?? 0, chunkFrames) }
}

private func megabytes(_ bytes: Int) -> String { "\((bytes + 999_999) / 1_000_000) MB" }

/// How much memory a process may take, and who says so.
public struct MemoryLimit: Sendable, Equatable {
    /// The most resident bytes.
    public var bytes: Int
    /// Who says so, as the subject of a sentence, such as `--memory-limit`.
    public var source: String

    /// A limit that is known.
    public init(bytes: Int, source: String) {
        self.bytes = bytes
        self.source = source
    }

    /// A limit as a person writes it: `629145600`, `600M` (millions of bytes), `600Mi` (times 1024²), `1.5Gi`, …
    ///
    /// - Throws: `ConfigurationError` naming the source, the text and what is understood
    public init(_ text: String, source: String) throws(ConfigurationError) {
        guard let bytes = Form.memory.read(text) else {
            throw ConfigurationError(source, is: text, write: Form.memory.words)
        }
        self.init(bytes: bytes, source: source)
    }

    /// The smallest limit of this process's control group (Linux, versions 1 and 2) and those above it, as containers set
    /// it; nil when none is set.
    ///
    /// - Parameter root: the folder that holds `proc` and `sys`
    public static func ofControlGroup(root: URL = URL(filePath: "/")) -> MemoryLimit? {
        ControlGroup(root: root)
            .settings("memory.max", controller: "memory", oldNames: ["memory.limit_in_bytes"])
            .compactMap { file, text in
                guard let bytes = Int(text), bytes > 0, bytes < 1 << 60 else { return nil }
                return MemoryLimit(bytes: bytes, source: "the control group's \(file)")
            }.min { $0.bytes < $1.bytes }
    }
}
