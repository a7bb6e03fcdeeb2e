import Audio
public import EnvironmentSettings
public import Foundation
import Jobs
public import Logging
public import ModelStore
public import Separation
import ServiceContract
import Synchronization
public import Tensors
import Threading
import Untrusted

/// Separates with our engine: fetches models by name, keeps the ones used last in memory, and works on a thread of its
/// own beside the engine's.
public actor EngineSeparator: SongSeparator {
    private let store: ModelStore
    private let defaultModel: String?
    private let offered: [String]?
    private let threads: Int
    private let kernels: Kernels
    private let capacity: Int
    private let memoryLimit: MemoryLimit?
    private let logger: Logger?
    private let lastPlan = Mutex<MemoryPlan?>(nil)
    private let thread = BlockingThread(name: "separate")
    /// The one used last is at the end.
    private var bags: [Bag] = []

    /// A separator; models are loaded when they are first needed.
    ///
    /// - Parameters:
    ///   - defaultModel: for jobs that name none; `nil` for the best one that is present.
    ///   - offered: the models that jobs may name; `nil` for those that are present, so that nobody can have one downloaded.
    ///   - threads: how many threads the engine uses.
    ///   - kernels: the instruction set that the engine computes with.
    ///   - capacity: how many models are kept in memory.
    ///   - memoryLimit: what the process may take; a job that needs more fails before it starts.
    ///   - logger: told threads and memory whenever the choice changes.
    public init(
        store: ModelStore, defaultModel: String?, offered: [String]? = nil, threads: Int, kernels: Kernels = .best,
        capacity: Int = 1,
        memoryLimit: MemoryLimit? = nil, logger: Logger? = nil
    ) {
        self.store = store
        self.defaultModel = defaultModel
        self.offered = offered
        self.threads = max(threads, 1)
        self.kernels = kernels
        self.capacity = max(capacity, 1)
        self.memoryLimit = memoryLimit
        self.logger = logger
    }

    /// The engine that the environment describes: see ``ModelChoice``, `EngineSettings`, and what `ModelStore` reads.
    ///
    /// - Throws: `ConfigurationError` that names the variable, its value and what is allowed.
    public init(
        repository: URL? = nil, environment: [String: String], logger: Logger? = nil
    ) throws(ConfigurationError) {
        let models = try ModelChoice.reading(environment)
        let engine = try EngineSettings.reading(environment)
        let choice = engine.choice()
        logger?.info("products in \(choice)", metadata: ["asked": "\((engine.precision ?? .float32).rawValue)"])
        self.init(
            store: try ModelStore(repository: repository, environment: environment), defaultModel: models.usualModel,
            offered: models.offered, threads: engine.threads ?? Processors.available(), kernels: choice.kernels,
            memoryLimit: engine.memoryLimit, logger: logger)
    }

    /// The models that jobs may name, with the stems of those whose files are here.
    public var offers: OfferedModels {
        get async throws {
            let (store, usual, names) = (store, try usualModel, try offeredNames)
            return try await thread.run {
                var stems: [String: [String]] = [:]
                // A model that cannot be opened hides no other: its stems are not known, and its jobs fail.
                for name in names { stems[name] = (try? store.presentBag(named: name)?.open().first?.sources) ?? [] }
                return OfferedModels(stems: stems, usual: usual)
            }
        }
    }

    /// The model of jobs that name none.
    private var usualModel: String { get throws { try defaultModel ?? store.defaultName() } }

    /// The models that jobs may name; the usual one is always among them.
    private var offeredNames: [String] {
        get throws {
            let usual = try usualModel
            let names = try offered ?? store.list().entries.filter(\.isPresent).map(\.name)
            return names.contains(usual) ? names : [usual] + names
        }
    }

    /// The names of the models that are in memory.
    public var loadedModels: [String] { bags.map(\.name) }

    /// Separates a song into `folder/{stem}.{ext}`.
    public func separate(
        _ order: SeparationOrder, measured: @escaping @Sendable (SongMeasure) throws -> Void = { _ in },
        progress: @escaping @Sendable (Double) -> Bool
    ) async throws -> SeparatedSong {
        let names = try offeredNames
        do {
            let name = try order.options.model ?? usualModel
            guard names.contains(name) else { throw SongRefused(model: name, offered: names) }
            let bag = try await bag(named: name, progress: progress)
            let report = try await thread.run { [self] in
                var options = SeparationOptions(order.options, seed: order.seed)
                options.studio = order.studio
                let separator = try Separator(bag: bag, options: options, memoryLimit: memoryLimit)
                announce(separator.memory, model: bag.name)
                return try separator.separate(
                    order.song, to: { order.folder.appending(path: "\($0).\(order.options.format.fileExtension)") },
                    limits: order.limits,
                    measured: {
                        try measured(
                            SongMeasure(seconds: $0.seconds, stemBytes: $0.stemBytes, diskBytes: $0.diskBytes))
                    },
                    progress: progress)
            }
            return SeparatedSong(
                model: bag.name, stems: report.stems.map { .init($0) }, original: report.original.map { .init($0) },
                duration: report.duration, sampleRate: report.sampleRate, warnings: report.warnings,
                remainder: report.remainder, seconds: report.separationSeconds,
                encodingSeconds: report.encodingSeconds)
        } catch {
            throw SongRefused(because: error, offered: names) ?? error
        }
    }

    /// Logs the choice of threads and memory, unless it is the one that was logged last.
    private nonisolated func announce(_ plan: MemoryPlan, model: String) {
        let isNews = lastPlan.withLock { last in
            defer { last = plan }
            return last != plan
        }
        if isNews { logger?.info("\(plan)", metadata: ["model": "\(model)"]) }
    }

    /// The model of this name, from memory or from its files. Another one leaves first if there are as many as are kept,
    /// so that memory holds no more than that even while loading.
    private func bag(named name: String, progress: @escaping @Sendable (Double) -> Bool) async throws -> Bag {
        if let index = bags.firstIndex(where: { $0.name == name }) {
            bags.append(bags.remove(at: index))
        } else {
            let files = try await files(of: name, progress: progress)
            bags.removeFirst(max(0, bags.count - capacity + 1))
            let (threads, kernels) = (threads, kernels)
            let bag = try await thread.run {
                try Bag(
                    name: name, checkpoints: files.open(), weights: files.weights, segment: files.segment,
                    threads: threads, kernels: kernels)
            }
            bags.append(bag)
            return bag
        }
        return bags[bags.count - 1]
    }

    /// The model's files; a download that takes long ends when the job does.
    private func files(of name: String, progress: @escaping @Sendable (Double) -> Bool) async throws -> BagFiles {
        let store = store
        return try await withThrowingTaskGroup(of: BagFiles?.self) { group in
            group.addTask { try await store.bag(named: name) }
            group.addTask {
                while progress(0) { try await Task.sleep(for: .milliseconds(250)) }
                throw CancellationError()
            }
            defer { group.cancelAll() }
            guard let files = try await group.next() ?? nil else { throw CancellationError() }
            return files
        }
    }
}

extension SeparatedSong.Stem {
    init(_ stem: SeparationReport.Stem) {
        self.init(name: stem.name, url: stem.url, frames: stem.frames, peaks: stem.peaks)
    }
}

extension SeparationOptions {
    /// A job's options, as the engine takes them.
    init(_ options: JobOptions, seed: UInt64) {
        self.init()
        shifts = options.shifts
        overlap = options.overlap
        self.seed = seed
        twoStems = options.twoStems
        otherMethod = options.otherMethod
        stems = options.stems
        mixes = options.mixes
        keepsRate = options.keepRate
        sumsExactly = options.sumExact
        clipMode = options.clipMode
        format = AudioFormat(options.format, bitrate: options.bitrate, preset: options.mp3Preset)
    }
}

/// What the environment says of the models of a worker.
public struct ModelChoice: Configurable {
    /// The model for jobs that name none; nil for the best that is present.
    public var usualModel: String?
    /// The models that jobs may name; nil for those that are present.
    public var offered: [String]?

    /// Whatever is present.
    public static let usual = ModelChoice()

    /// The variables.
    public static var settings: [Setting<ModelChoice>] {
        [
            Setting("MSAAS_MODEL", \.usualModel, .text("the name of a model"), otherwise: "best present"),
            Setting(
                "MSAAS_OFFERED_MODELS", \.offered, .list("names of models") { PlainName.isValid($0) },
                otherwise: "those present"),
        ]
    }
}
