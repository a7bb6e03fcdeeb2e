import Tensors

/// One run of the model, or the plan of one: a plan takes and returns the same memory but computes nothing.
final class Pass {
    let kernels: Kernels
    private let pool: ThreadPool
    private let arena: Arena
    private let isPlan: Bool
    /// Threads that share the work.
    let threads: Int
    private let profile: Profile?
    let observer: ((String, [Float]) -> Void)?
    private var operations = 0.0

    init(
        kernels: Kernels, pool: ThreadPool, arena: Arena, isPlan: Bool, threads: Int? = nil, profile: Profile? = nil,
        observer: ((String, [Float]) -> Void)? = nil
    ) {
        self.kernels = kernels
        self.pool = pool
        self.threads = threads ?? pool.threads
        self.arena = arena
        self.isPlan = isPlan
        self.profile = profile
        self.observer = isPlan ? nil : observer
    }

    /// Calls `body` for every index below `count` on all threads, each call with `scratch` floats of its own.
    func parallel(_ count: Int, scratch: Int = 0, _ body: (_ index: Int, _ scratch: Scratch) -> Void) throws {
        let size = Scratch.size(floats: scratch)
        let memory = try arena.take(size * threads)
        defer { arena.giveBack(memory) }
        if isPlan { return }
        pool.run(count) { index, slot in body(index, Scratch(memory + slot * size, count: size)) }
    }

    /// A plane of numbers with zeros beside its rows and arbitrary values in them.
    func plane(rows: Int, columns: Int, halo: Int) throws -> Plane {
        let memory = try arena.take(Plane.size(rows: rows, columns: columns, halo: halo))
        let plane = Plane(in: memory, rows: rows, columns: columns, halo: halo)
        if !isPlan { plane.clearHalo(halo) }
        return plane
    }

    /// Returns a plane's memory.
    func release(_ plane: Plane, halo: Int) { arena.giveBack(plane.base - Plane.leading(halo)) }

    /// Memory for `count` numbers.
    func numbers(_ count: Int) throws -> UnsafeMutablePointer<Float> { try arena.take(count) }

    /// Returns what ``numbers(_:)`` gave.
    func release(_ numbers: UnsafeMutablePointer<Float>) { arena.giveBack(numbers) }

    /// Runs work outside of ``parallel(_:scratch:_:)`` that touches tensors; a plan skips it.
    func serial(_ body: () -> Void) {
        if !isPlan { body() }
    }

    /// Counts floating-point operations of products for the profile.
    func count(rows: Int, depth: Int, columns: Int) { operations += 2 * Double(rows) * Double(depth) * Double(columns) }

    /// Times a layer.
    func layer<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result {
        guard let profile, !isPlan else { return try body() }
        let before = operations
        let clock = ContinuousClock()
        let start = clock.now
        let processor = Profile.processorTime
        let result = try body()
        let (seconds, attoseconds) = (clock.now - start).components
        profile.add(
            name, operations: operations - before, seconds: Double(seconds) + Double(attoseconds) * 1e-18,
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
