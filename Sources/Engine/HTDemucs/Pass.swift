import Glibc
public import Tensors

/// One run of the model, or the plan of one: a plan takes and returns the same memory but computes nothing.
///
/// A layer is a sequence of barriers, each a ``parallel(_:scratch:_:)`` over pieces of work (frequencies, chunks of time,
/// blocks of tokens), and says with which operations of `Tensors` a piece is worked on.
final class Pass {
    let kernels: Kernels
    /// Threads that share the work.
    let threads: Int
    let observer: ((String, [Float]) -> Void)?
    private let pool: ThreadPool
    private let arena: Arena
    private let isPlan: Bool
    /// Zeros beside each row of a plane, so that convolutions over time need no special case at the ends.
    private let halo: Int
    private let profile: Profile?
    /// Floating-point operations of the products so far, as their definitions count them.
    private(set) var operations = 0.0
    private var silence: Plane?

    init(
        kernels: Kernels, pool: ThreadPool, arena: Arena, halo: Int, isPlan: Bool, threads: Int? = nil,
        profile: Profile? = nil, observer: ((String, [Float]) -> Void)? = nil
    ) {
        self.kernels = kernels
        self.pool = pool
        self.threads = threads ?? pool.threads
        self.arena = arena
        self.halo = halo
        self.isPlan = isPlan
        self.profile = profile
        self.observer = isPlan ? nil : observer
    }

    // MARK: - Work

    /// Calls `body` for every index below `count` on all threads, each call with scratch memory of its own.
    func parallel(
        _ count: Int, scratch size: ScratchSize = .none, _ body: (_ index: Int, _ scratch: Scratch) -> Void
    ) throws {
        let memory = try arena.take(size.count * threads)
        defer { arena.giveBack(memory) }
        if isPlan { return }
        pool.run(count) { index, slot in body(index, Scratch(memory + slot * size.count, count: size.count)) }
    }

    /// Runs work outside of ``parallel(_:scratch:_:)`` that touches tensors; a plan skips it.
    func serial(_ body: () -> Void) {
        if !isPlan { body() }
    }

    // MARK: - Memory

    /// A plane of numbers with zeros beside its rows and arbitrary values in them.
    func plane(rows: Int, columns: Int) throws -> Plane { try plane(rows: rows, columns: columns, halo: halo) }

    /// A plane of arbitrary numbers beside whose rows nothing is read.
    func bare(rows: Int, columns: Int) throws -> Plane { try plane(rows: rows, columns: columns, halo: 0) }

    private func plane(rows: Int, columns: Int, halo: Int) throws -> Plane {
        let memory = try arena.take(Plane.size(rows: rows, columns: columns, halo: halo))
        let plane = Plane(in: memory, rows: rows, columns: columns, halo: halo)
        if !isPlan { plane.clearHalo() }
        return plane
    }

    /// A tensor of `count` frequencies.
    func bands(_ count: Int, channels: Int, columns: Int) throws -> Bands {
        Bands(plane: try plane(rows: count * channels, columns: columns), channels: channels)
    }

    /// Returns a plane's memory.
    func release(_ plane: Plane) { arena.giveBack(plane.memory) }

    /// Memory for `count` numbers.
    func numbers(_ count: Int) throws -> UnsafeMutablePointer<Float> { try arena.take(count) }

    /// Returns what ``numbers(_:)`` gave.
    func release(_ numbers: UnsafeMutablePointer<Float>) { arena.giveBack(numbers) }

    /// A row of zeros, between zeros, that is there until the pass ends: what lies beyond the lowest and highest frequency.
    func silence(columns: Int) throws -> UnsafeMutablePointer<Float> {
        if let silence, silence.columns >= columns { return silence.base }
        let row = try plane(rows: 1, columns: columns)
        if !isPlan { row.base.update(repeating: 0, count: columns) }
        silence = row
        return row.base
    }

    // MARK: - What it tells

    /// Counts floating-point operations of products for the profile.
    func count(operations: Int, columns: Int) { self.operations += Double(operations) * Double(columns) }

    /// Times a layer.
    func layer<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
        guard let profile, !isPlan else { return try body() }
        let before = operations
        let clock = ContinuousClock()
        let start = clock.now
        let processor = Profile.processorTime
        let result = try body()
        profile.add(
            name, operations: operations - before, seconds: (clock.now - start) / .seconds(1),
            processorSeconds: Profile.processorTime - processor)
        return result
    }

    /// Shows a layer's output to a test: rows without their halo.
    func observe(_ name: String, _ plane: Plane) {
        guard let observer else { return }
        var values: [Float] = []
        for row in 0..<plane.rows {
            values.append(contentsOf: UnsafeBufferPointer(start: plane.row(row), count: plane.columns))
        }
        observer(name, values)
    }
}

/// The memory that one forward pass works in. Grows on its first use and is used again by the next pass.
///
/// Not for two passes at the same time: make one for each segment that is separated concurrently.
public final class Workspace {
    /// The threads that share the passes; nil: those of the model's pool.
    public let pool: ThreadPool?
    /// Collects how long each layer takes; nil (the default) costs nothing.
    public var profile: Profile?
    /// Called with each layer's output when a test compares them with the reference's.
    package var observer: ((_ layer: String, _ values: [Float]) -> Void)?
    private var arena: Arena?
    private var capacity = 0
    private var tables: [String: FloatMemory] = [:]

    /// An empty workspace.
    ///
    /// - Parameter pool: the threads that share its passes; nil for those of the model's pool
    public init(pool: ThreadPool? = nil) { self.pool = pool }

    /// Most bytes that a pass has used so far; what ``Model/memoryNeeded(frames:threads:)`` foretells.
    package var peakBytes: Int { (arena?.peak ?? 0) + tableBytes }

    /// Bytes of the tables.
    var tableBytes: Int { tables.values.reduce(0) { $0 + 4 * $1.count } }

    /// The arena, with at least `bytes` of address space.
    func arena(bytes: Int) throws -> Arena {
        if let arena, capacity >= bytes {
            arena.reset()
            return arena
        }
        arena = nil
        let made = try Arena(capacity: bytes)
        arena = made
        capacity = bytes
        return made
    }

    /// A table that depends only on its name, made on its first use.
    func positions(_ name: String, _ make: () -> FloatMemory) -> FloatMemory {
        if let table = tables[name] { return table }
        let table = make()
        tables[name] = table
        return table
    }
}

/// How long each layer of the model took, over all passes that were given it.
public final class Profile {
    /// One layer's share.
    public struct Layer: Sendable {
        /// Name, as in the reference's state dictionary.
        public let name: String
        /// Floating-point operations of its products, over all passes.
        public var operations: Double
        /// Wall-clock seconds, over all passes.
        public var seconds: Double
        /// Seconds of processor time of the whole process, over all passes; on a busy machine the truer measure.
        public var processorSeconds: Double
        /// How often it ran.
        public var runs: Int
    }

    /// The layers in the order in which they ran first.
    public private(set) var layers: [Layer] = []

    /// An empty profile.
    public init() {}

    func add(_ name: String, operations: Double, seconds: Double, processorSeconds: Double) {
        let index = layers.firstIndex { $0.name == name }
        if let index {
            layers[index].operations += operations
            layers[index].seconds += seconds
            layers[index].processorSeconds += processorSeconds
            layers[index].runs += 1
        } else {
            layers.append(
                Layer(
                    name: name, operations: operations, seconds: seconds, processorSeconds: processorSeconds, runs: 1))
        }
    }

    /// Processor time that the process has used so far, in seconds.
    static var processorTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
