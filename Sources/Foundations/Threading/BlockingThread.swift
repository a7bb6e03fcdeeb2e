import Foundation

/// A thread of its own for calls that block (sockets, child processes, products of matrices).
///
/// Swift's cooperative pool has one thread a core and must never be held up, so an actor over a blocking C library
/// pins itself to such a thread through `unownedExecutor`, and a function that blocks runs inside ``run(_:)``.
/// Work is done one piece after the other in the order in which it came. The thread ends when the last reference
/// to this value is gone or after ``stop()``.
public final class BlockingThread: SerialExecutor, TaskExecutor {
    private let queue: Queue

    /// Starts the thread. `name` is what `ps -L` and debuggers show (at most 15 bytes on Linux).
    public init(name: String) {
        let queue = Queue()
        self.queue = queue
        let thread = Thread { queue.drain() }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit { queue.close() }

    /// Ends the thread once the work already given to it is done. Work given later never runs.
    public func stop() { queue.close() }

    /// Runs a job of an actor or a task on the thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        let taskExecutor = asUnownedTaskExecutor()
        queue.append { job.runSynchronously(isolatedTo: executor, taskExecutor: taskExecutor) }
    }

    /// The thread as an actor's executor.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    /// Runs a blocking function on this thread and suspends, without blocking, until it is done.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.append { continuation.resume(with: Result(catching: body)) }
        }
    }
}

/// The thread's work, guarded by one condition.
///
/// `@unchecked Sendable`: every access to the two variables holds the condition's lock.
private final class Queue: @unchecked Sendable {
    private let condition = NSCondition()
    private var work: [() -> Void] = []
    private var isClosed = false

    func append(_ item: @escaping () -> Void) {
        condition.withLock {
            work.append(item)
            condition.signal()
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            condition.signal()
        }
    }

    func drain() {
        while let batch = next() {
            for item in batch { item() }
        }
    }

    private func next() -> [() -> Void]? {
        condition.withLock {
            while work.isEmpty && !isClosed { condition.wait() }
            defer { work = [] }
            return work.isEmpty ? nil : work
        }
    }
}
