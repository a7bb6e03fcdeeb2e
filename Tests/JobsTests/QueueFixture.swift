import Foundation
import Jobs
import ServiceContract
import TestSupport

/// A Redis of its own and a queue in it.
struct QueueFixture {
    let redis: ServerProcess
    let queue: RedisJobQueue

    init(lease: Duration = .seconds(30), attempts: Int = 3, redis extra: [String] = []) throws {
        try self.init(
            options: QueueOptions(
                lease: lease, maxAttempts: attempts, timeouts: .init(patience: .seconds(10))),
            redis: ServerProcess.redis(extra))
    }

    init(options: QueueOptions, redis: ServerProcess) throws {
        self.redis = redis
        queue = try RedisJobQueue(url: "redis://127.0.0.1:\(redis.port)/0", options: options)
    }

    /// Another client of the same queue, as another process would have.
    func another() -> RedisJobQueue {
        RedisJobQueue(address: queue.address, options: queue.options)
    }

    /// Sends a plain command.
    @discardableResult func command(_ words: String...) async throws -> RedisValue {
        try await queue.pool.client.send(words.map { RedisArgument($0) })
    }

    /// Enqueues a new job and returns it.
    func enqueued(_ name: String = "song.mp3") async throws -> Job {
        let job = newJob(name)
        _ = try await queue.enqueue(job)
        return job
    }

    /// Claims the next job at once.
    func claimed(by worker: String = "worker-1") async throws -> Claim {
        guard let claim = try await queue.claim(worker: worker, wait: .seconds(5)) else {
            throw TestFailure("nothing to claim")
        }
        return claim
    }

    func state(_ id: JobID) async throws -> JobState? { try await queue.job(id)?.state }

    /// The jobs that wait in an owner's line, the next one out first.
    func waiting(of owner: String = "") async throws -> [String] { try await members("{msaas}:queue:\(owner)") }

    /// The members of a sorted set.
    func members(_ key: String) async throws -> [String] {
        try await command("ZRANGE", key, "0", "-1").array?.compactMap(\.string) ?? []
    }

    func kinds(of id: JobID) async throws -> [JobEvent.Kind] {
        try await queue.eventLog().events(of: id).map(\.kind)
    }
}

func newJob(_ name: String = "song.mp3") -> Job {
    let id = JobID.random()
    return Job(id: id, bucket: "queue", key: "\(id)/\(name)", filename: name)
}

func manifest(of job: Job, model: String = "starter") -> Manifest {
    let stems = ["drums", "vocals"].map {
        StemRecord(name: $0, file: "\($0).wav", size: 1000, eTag: "abc", contentType: "audio/wav")
    }
    return Manifest(
        job: job.id, model: model, filename: job.filename, duration: 12.5, sampleRate: 44100, stems: stems,
        separationSeconds: 3, warnings: ["A damaged frame was skipped."],
        finishedAt: Date(timeIntervalSince1970: 1_700_000_000))
}
