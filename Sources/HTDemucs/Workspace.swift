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

    /// An empty workspace.
    public init() {}

    /// Most bytes that a pass has used so far.
    public var peakBytes: Int { arena?.peak ?? 0 }

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
