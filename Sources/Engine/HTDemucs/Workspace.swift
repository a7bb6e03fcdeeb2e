import Tensors

/// The memory that one forward pass works in. Grows on its first use and is used again by the next pass.
///
/// Not for two passes at the same time: make one for each segment that is separated concurrently.
public final class Workspace {
    private var arena: Arena?
    private var capacity = 0
    /// Collects how long each layer takes; nil (the default) costs nothing.
    public var profile: Profile?
    /// Called with each layer's output when a test compares them with the reference's.
    package var observer: ((_ layer: String, _ values: [Float]) -> Void)?

    private var tables: [String: FloatMemory] = [:]

    /// The threads that share the passes; nil: those of the model's pool.
    public let pool: ThreadPool?

    /// An empty workspace.
    ///
    /// - Parameter pool: the threads that share its passes; nil for those of the model's pool
    public init(pool: ThreadPool? = nil) { self.pool = pool }

    /// Most bytes that a pass has used so far.
    public var peakBytes: Int { (arena?.peak ?? 0) + tableBytes }

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
