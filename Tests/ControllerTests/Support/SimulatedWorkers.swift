import Foundation
import Jobs
import Pacing
import ServiceContract
import Synchronization
import TestSupport

/// Workers that claim and finish jobs as real ones do, only faster: they heed drain marks, say so with their heartbeats,
/// and stop claiming when they are told to end. Whoever is told to end while it holds a job counts as killed.
final class SimulatedWorkers: Sendable {
    private struct Life: Sendable {
        var isToEnd = false
        var isReplaced = false
        var job: JobID?
        var hasEnded = false
    }

    private struct Book: Sendable {
        var lives: [String: Life] = [:]
        var starts: [JobID: Int] = [:]
        var commits: [JobID: Int] = [:]
        var killed: [JobID] = []
        var most = 0
    }

    private let redis: ServerProcess
    private let lease: Duration
    private let work: Range<Int>
    private let book = Mutex(Book())
    private let gate = Mutex(true)

    /// - Parameter work: how long a job takes, in milliseconds.
    init(_ redis: ServerProcess, lease: Duration = .seconds(30), work: Range<Int> = 10..<60) {
        self.redis = redis
        self.lease = lease
        self.work = work
    }

    /// Jobs that were being worked on when their worker was told to end.
    var killed: [JobID] { book.withLock { $0.killed } }
    /// How often work on each job was begun.
    var starts: [JobID: Int] { book.withLock { $0.starts } }
    /// How often each job was committed.
    var commits: [JobID: Int] { book.withLock { $0.commits } }
    /// The most workers that there were at a time.
    var most: Int { book.withLock { $0.most } }
    /// The workers that hold a job.
    var busy: [String] { book.withLock { $0.lives.filter { $0.value.job != nil }.keys.sorted() } }
    /// The workers that live.
    var alive: [String] { book.withLock { $0.lives.filter { !$0.value.hasEnded }.keys.sorted() } }
    /// Jobs in work go on until they are let go.
    func hold() { gate.withLock { $0 = false } }
    /// Jobs in work come to their end.
    func letGo() { gate.withLock { $0 = true } }

    /// Starts the worker of a pod or process.
    func start(_ id: String) {
        book.withLock {
            $0.lives[id] = Life()
            $0.most = max($0.most, $0.lives.values.count { !$0.hasEnded })
        }
        Task {
            await run(id)
            book.withLock { $0.lives[id]?.hasEnded = true }
        }
    }

    /// SIGTERM: returns once the worker has ended. Nobody is blamed for a rollout.
    func end(_ id: String, isRollout: Bool = false) async {
        book.withLock {
            $0.lives[id]?.isToEnd = true
            $0.lives[id]?.isReplaced = isRollout
            if let job = $0.lives[id]?.job, !isRollout { $0.killed.append(job) }
        }
        // A task of its own: in one that was cancelled no sleep lasts, and two of them would take every thread.
        await Task {
            while book.withLock({ $0.lives[id]?.hasEnded == false }), await pause(for: .milliseconds(5)) {}
        }.value
    }

    private func isToEnd(_ id: String) -> Bool { book.withLock { $0.lives[id]?.isToEnd ?? true } }

    private func run(_ id: String) async {
        guard let queue = try? redis.queue(lease: lease) else { return }
        let board = RedisAutoscalerBoard(queue: queue)
        var isFresh = true
        while !isToEnd(id) {
            do {
                if isFresh { try await board.withdrawDrain(id) }
                isFresh = false
                let isDrained = try await board.drainRequest(of: id) != nil
                try await queue.heartbeat(WorkerRecord(id: id, state: isDrained ? .draining : .idle))
                if isDrained {
                    try await Task.sleep(for: .milliseconds(10))
                } else if let claim = try await queue.claim(worker: id, wait: .milliseconds(100)) {
                    try await perform(claim, id, queue)
                }
            } catch {
                guard await pause(for: .milliseconds(50)) else { break }
            }
        }
        try? await queue.forget(worker: id)
    }

    private func perform(_ claim: Claim, _ id: String, _ queue: RedisJobQueue) async throws {
        book.withLock {
            $0.lives[id]?.job = claim.job.id
            $0.starts[claim.job.id, default: 0] += 1
            // Told to end between the claim and here.
            if let life = $0.lives[id], life.isToEnd, !life.isReplaced { $0.killed.append(claim.job.id) }
        }
        defer { book.withLock { $0.lives[id]?.job = nil } }
        try? await queue.heartbeat(WorkerRecord(id: id, state: .busy, job: claim.job.id, progress: 0.5))
        // The lease is kept by a task of its own, as a worker keeps it.
        let keeper = Task { [lease] in
            while (try? await Task.sleep(for: lease / 4)) != nil { _ = try? await queue.renew(claim) }
        }
        defer { keeper.cancel() }
        try await Task.sleep(for: .milliseconds(Int.random(in: work)))
        while !gate.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
        // Redis may be away; the song is separated all the same.
        while true {
            do {
                let status = try await queue.commit(claim, manifest: manifest(of: claim.job))
                if status == .held { book.withLock { $0.commits[claim.job.id, default: 0] += 1 } }
                return
            } catch {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
