import CKernels

/// Threads that share the pieces of one piece of work with the thread that asks for it.
///
/// There is one pool a process. Work is blocking: ``run(_:_:)`` must not be called from Swift's cooperative pool.
/// When two threads ask at the same time, one gets the helpers and the other does its work alone.
///
/// `@unchecked Sendable`: the pointer never changes, and the pool behind it guards its state with its own locks.
public final class ThreadPool: @unchecked Sendable {
    /// How many threads work together, the caller included.
    public let threads: Int
    private let pool: OpaquePointer

    /// Starts `threads - 1` helpers (none for 1 and below).
    ///
    /// - Parameter threads: how many threads work together, the caller included
    public init(threads: Int) {
        var wanted = max(1, threads)
        var created = MSPoolCreate(Int32(wanted))
        while created == nil && wanted > 1 {
            // The system's limit on threads is reached: make do with fewer.
            wanted /= 2
            created = MSPoolCreate(Int32(wanted))
        }
        guard let created else { preconditionFailure("out of memory for a thread pool") }
        pool = created
        self.threads = wanted
    }

    deinit { MSPoolDestroy(pool) }

    /// Calls `body(index, slot)` for every index below `count`, on all threads, and returns once all are done.
    ///
    /// - Parameters:
    ///   - count: number of pieces; they are handed out in order, one at a time
    ///   - body: the work; `slot` (below ``threads``) is not in use by another piece at the same time
    public func run(_ count: Int, _ body: (_ index: Int, _ slot: Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body) { pointer in
                MSPoolRun(
                    pool, count,
                    { context, index, slot in
                        context?.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(index, slot)
                    }, UnsafeMutableRawPointer(mutating: pointer))
            }
        }
    }

    /// What `make` gives for every index below `count`, in their order, made on all threads.
    ///
    /// - Throws: the error of the lowest index that has one; the others are made nevertheless
    public func map<Value>(_ count: Int, _ make: (_ index: Int) throws -> Value) throws -> [Value] {
        var results = [Result<Value, any Error>?](repeating: nil, count: count)
        results.withUnsafeMutableBufferPointer { results in
            run(count) { index, _ in results[index] = Result { try make(index) } }
        }
        return try results.map { result in
            guard let result else { preconditionFailure("a piece of work was left out") }
            return try result.get()
        }
    }
}
