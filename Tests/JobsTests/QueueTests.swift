import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// The way of a job through the queue when nothing goes wrong, and what people do to it.
struct QueueTests {
    @Test func aJobGoesThroughTheQueue() async throws {
        let fixture = try QueueFixture()
        let queue = fixture.queue
        var job = newJob("my song+é.mp3")
        job.options = JobOptions(model: "starter", format: .flac)
        #expect(try await queue.enqueue(job) == .enqueued(position: 1))

        let claim = try await fixture.claimed()
        #expect(claim.job.id == job.id)
        #expect(claim.job.filename == job.filename)
        #expect(claim.job.options == job.options)
        #expect(claim.job.attempts == 1)
        #expect(try await queue.depth() == QueueDepth(waiting: 0, inFlight: 1, dead: 0))

        #expect(try await queue.report(claim, progress: 0.5, audioSeconds: 12.5) == .held)
        let running = try #require(try await queue.job(job.id))
        #expect(running.state == .running)
        #expect(running.progress == 0.5)
        #expect(running.audioSeconds == 12.5)
        #expect(running.worker == "worker-1")

        #expect(try await queue.seal(claim, manifest: manifest(of: job)) == .held)
        #expect(try await queue.commit(claim, manifest: manifest(of: job)) == .held)
        let done = try #require(try await queue.job(job.id))
        #expect(done.state == .done)
        #expect(done.stems == manifest(of: job).stems)
        #expect(done.warnings == manifest(of: job).warnings)
        #expect(done.model == "starter")
        #expect(done.finishedAt != nil)
        #expect(try await queue.depth() == QueueDepth(waiting: 0, inFlight: 0, dead: 0))
        #expect(try await fixture.kinds(of: job.id) == [.enqueued, .started, .progress, .sealed, .done])
    }

    @Test func enqueueingTwiceMakesOneJob() async throws {
        let fixture = try QueueFixture()
        let job = try await fixture.enqueued()
        #expect(try await fixture.queue.enqueue(job) == .alreadyKnown(.queued))
        let claim = try await fixture.claimed()
        #expect(try await fixture.queue.enqueue(job) == .alreadyKnown(.running))
        _ = try await fixture.queue.commit(claim, manifest: manifest(of: job))
        #expect(try await fixture.queue.enqueue(job) == .alreadyKnown(.done))
        #expect(try await fixture.waiting().isEmpty)
    }

    @Test func manyNotificationsAtOnceMakeOneJob() async throws {
        let fixture = try QueueFixture()
        let job = newJob()
        let others = (0..<4).map { _ in fixture.another() }
        let outcomes = try await withThrowingTaskGroup(of: EnqueueOutcome.self) { group in
            for index in 0..<40 { group.addTask { try await others[index % 4].enqueue(job) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == .enqueued(position: 1) } == 1)
        #expect(outcomes.count { $0 == .alreadyKnown(.queued) } == 39)
    }

    @Test func firstInFirstOut() async throws {
        let fixture = try QueueFixture()
        var jobs: [Job] = []
        for index in 0..<5 { jobs.append(try await fixture.enqueued("\(index).mp3")) }
        #expect(try await fixture.queue.position(of: jobs[0].id) == 1)
        #expect(try await fixture.queue.position(of: jobs[4].id) == 5)
        for job in jobs { #expect(try await fixture.claimed().job.id == job.id) }
        #expect(try await fixture.queue.position(of: jobs[4].id) == nil)
        #expect(try await fixture.queue.claim(worker: "worker-1", wait: .milliseconds(10)) == nil)
    }

    @Test func racingWorkersShareTheJobs() async throws {
        let fixture = try QueueFixture()
        var ids: Set<JobID> = []
        for _ in 0..<60 { ids.insert(try await fixture.enqueued().id) }
        let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
            for number in 0..<3 {
                let queue = fixture.another()
                group.addTask {
                    var mine: [JobID] = []
                    while let claim = try await queue.claim(worker: "w\(number)", wait: .milliseconds(50)) {
                        mine.append(claim.job.id)
                        #expect(try await queue.commit(claim, manifest: manifest(of: claim.job)) == .held)
                    }
                    return mine
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(claimed.count == 60)
        #expect(Set(claimed) == ids)
    }

    @Test func aWaitingWorkerGetsTheJobThatArrives() async throws {
        let fixture = try QueueFixture()
        async let claim = fixture.queue.claim(worker: "worker-1", wait: .seconds(60))
        let job = try await fixture.enqueued()
        #expect(try await claim?.job.id == job.id)
    }

    @Test func aCancelledClaimEnds() async throws {
        let fixture = try QueueFixture()
        let queue = fixture.queue
        let task = Task { try await queue.claim(worker: "worker-1", wait: .seconds(3600)) }
        try await eventually("the worker waits") { try await !queue.workers().isEmpty }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let job = try await fixture.enqueued()
        #expect(try await fixture.claimed().job.id == job.id)
    }

    @Test func aRecordThatCannotBeReadFailsAndHoldsNobodyUp() async throws {
        let fixture = try QueueFixture()
        let broken = try await fixture.enqueued()
        let good = try await fixture.enqueued()
        try await fixture.command("HSET", "{msaas}:job:\(broken.id)", "options", "{")
        #expect(try await fixture.claimed().job.id == good.id)
        try await fixture.command("HSET", "{msaas}:job:\(broken.id)", "options", "{}")
        let failed = try #require(try await fixture.queue.job(broken.id))
        #expect((failed.state, failed.options) == (.failed, JobOptions()))
        #expect(failed.error?.contains("cannot be read") == true)
    }

    @Test func failingForGood() async throws {
        let fixture = try QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(try await fixture.queue.fail(claim, reason: "It is not audio.", retry: false) == .failed)
        let failed = try #require(try await fixture.queue.job(job.id))
        #expect(failed.error == "It is not audio.")
        #expect(failed.finishedAt != nil)
        #expect(try await fixture.queue.depth() == QueueDepth(waiting: 0, inFlight: 0, dead: 0))
    }

    @Test func spentAttemptsEndAmongTheDeadAndCanBeRetried() async throws {
        let fixture = try QueueFixture(attempts: 2)
        let job = try await fixture.enqueued()
        let other = try await fixture.enqueued()
        #expect(try await fixture.queue.fail(fixture.claimed(), reason: "Storage is away.", retry: true) == .queued)
        #expect(try await fixture.claimed().job.id == other.id, "a failed job waits behind the others")
        #expect(try await fixture.queue.fail(fixture.claimed(), reason: "Storage is away.", retry: true) == .dead)
        #expect(try await fixture.queue.depth() == QueueDepth(waiting: 0, inFlight: 1, dead: 1))
        #expect(try await fixture.queue.retry(nil) == [job.id])
        #expect(try await fixture.queue.retry(job.id) == [])
        let claim = try await fixture.claimed()
        #expect(claim.job.id == job.id)
        #expect(claim.job.attempts == 1)
        #expect(claim.token == 3)
        #expect(try await fixture.queue.commit(claim, manifest: manifest(of: job)) == .held)
        #expect(try await fixture.queue.job(job.id)?.error == nil)
    }

    @Test func aJobGivenBackIsTheNextOutAndSpendsNoAttempt() async throws {
        let fixture = try QueueFixture()
        let job = try await fixture.enqueued()
        _ = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        try await fixture.queue.giveBack(claim)
        #expect(try await fixture.queue.position(of: job.id) == 1)
        #expect(try await fixture.queue.renew(claim) == .lost)
        try await fixture.queue.giveBack(claim)
        #expect(try await fixture.waiting().count == 2)
        let again = try await fixture.claimed(by: "worker-2")
        #expect(again.job.id == job.id)
        #expect(again.job.attempts == 1)
        #expect(again.token > claim.token)
    }

    @Test func cancelAtAnyState() async throws {
        let fixture = try QueueFixture(attempts: 1)
        let queue = fixture.queue
        #expect(try await queue.cancel(.random()) == .unknown)

        let waiting = try await fixture.enqueued()
        #expect(try await queue.cancel(waiting.id) == .cancelled)
        #expect(try await queue.cancel(waiting.id) == .cancelled)
        #expect(try await fixture.waiting().isEmpty)

        _ = try await fixture.enqueued()
        let running = try await fixture.claimed()
        #expect(try await queue.cancel(running.job.id) == .cancelled)
        #expect(try await queue.renew(running) == .cancelled)
        #expect(try await queue.report(running, progress: 1, audioSeconds: nil) == .cancelled)
        #expect(try await queue.commit(running, manifest: manifest(of: running.job)) == .cancelled)
        #expect(try await queue.fail(running, reason: "", retry: true) == .cancelled)

        _ = try await fixture.enqueued()
        let dead = try await fixture.claimed()
        #expect(try await queue.fail(dead, reason: "", retry: true) == .dead)
        #expect(try await queue.cancel(dead.job.id) == .cancelled)
        #expect(try await queue.retry(nil) == [])

        _ = try await fixture.enqueued()
        let done = try await fixture.claimed()
        _ = try await queue.commit(done, manifest: manifest(of: done.job))
        #expect(try await queue.cancel(done.job.id) == .alreadyFinished(.done))
        #expect(try await queue.depth() == QueueDepth(waiting: 0, inFlight: 0, dead: 0))
    }

    @Test func aRejectedJobIsKnownAndNeverQueued() async throws {
        let fixture = try QueueFixture()
        let job = newJob()
        try await fixture.queue.reject(job, reason: "Its options are wrong.")
        let known = try #require(try await fixture.queue.job(job.id))
        #expect((known.state, known.error) == (.failed, "Its options are wrong."))
        #expect(try await fixture.queue.enqueue(job) == .alreadyKnown(.failed))
        #expect(try await fixture.kinds(of: job.id) == [.failed])
        let waiting = try await fixture.enqueued()
        try await fixture.queue.reject(waiting, reason: "It comes too late.")
        #expect(try await fixture.state(waiting.id) == .queued)
    }

    @Test func turnsAreTakenOnceInAPeriod() async throws {
        let fixture = try QueueFixture()
        #expect(try await fixture.queue.takeTurn(at: "sweep", every: .seconds(600)))
        #expect(try await !fixture.another().takeTurn(at: "sweep", every: .seconds(600)))
        #expect(try await fixture.queue.takeTurn(at: "another", every: .milliseconds(1)))
        try await eventually("the next turn comes") {
            try await fixture.queue.takeTurn(at: "another", every: .milliseconds(1))
        }
    }

    @Test func aRemovedJobIsForgotten() async throws {
        let fixture = try QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        try await fixture.queue.remove(job.id)
        #expect(try await fixture.queue.job(job.id) == nil)
        #expect(try await fixture.queue.renew(claim) == .cancelled)
        #expect(try await fixture.queue.commit(claim, manifest: manifest(of: job)) == .cancelled)
        #expect(try await fixture.queue.depth() == QueueDepth(waiting: 0, inFlight: 0, dead: 0))
        #expect(try await fixture.queue.recent(limit: 10).isEmpty)
        #expect(try await fixture.queue.enqueue(job) == .enqueued(position: 1))
    }

    @Test func recentJobsAreFoundNewestFirst() async throws {
        let fixture = try QueueFixture()
        var ids: [JobID] = []
        for _ in 0..<3 {
            // Times are in milliseconds, so the order of jobs of one millisecond is not promised.
            let before = try await fixture.command("TIME")
            ids.append(try await fixture.enqueued().id)
            try await eventually("time passes") { try await milliseconds(fixture) > milliseconds(before) + 1 }
        }
        #expect(try await fixture.queue.recent(limit: 2).map(\.id) == [ids[2], ids[1]])
        try await fixture.command("DEL", "{msaas}:job:\(ids[2])")
        #expect(try await fixture.queue.recent(limit: 2).map(\.id) == [ids[1], ids[0]])
        #expect(try await fixture.command("ZCARD", "{msaas}:recent") == .integer(2))
    }

    private func milliseconds(_ fixture: QueueFixture) async throws -> Int64 {
        milliseconds(try await fixture.command("TIME"))
    }

    private func milliseconds(_ time: RedisValue) -> Int64 {
        let parts = time.array?.compactMap(\.integer) ?? []
        return parts.count == 2 ? parts[0] * 1000 + parts[1] / 1000 : 0
    }

    @Test func finishedJobsExpireAndOthersDoNot() async throws {
        let options = QueueOptions(retention: .seconds(1000))
        let fixture = try QueueFixture(options: options, redis: .redis())
        let done = try await fixture.enqueued()
        #expect(try await fixture.command("PTTL", "{msaas}:job:\(done.id)") == .integer(-1))
        _ = try await fixture.queue.commit(fixture.claimed(), manifest: manifest(of: done))
        let left = try #require(try await fixture.command("PTTL", "{msaas}:job:\(done.id)").integer)
        #expect((900_000...1_000_000).contains(left))
    }

    @Test func workersAreKnownByTheirHeartbeats() async throws {
        let fixture = try QueueFixture()
        let job = JobID.random()
        let record = WorkerRecord(
            id: "a \"heartbeat\":1, b", state: .busy, job: job, progress: 0.25, memory: 123, models: ["starter"],
            startedAt: Date(timeIntervalSince1970: 1_700_000_000))
        try await fixture.queue.heartbeat(record)
        var stored = try #require(try await fixture.queue.workers().first)
        #expect(abs(stored.heartbeat.timeIntervalSinceNow) < 3600)
        stored.heartbeat = record.heartbeat
        #expect(stored == record)
        _ = try await fixture.queue.claim(worker: "another", wait: .milliseconds(1))
        #expect(try await fixture.queue.workers().map(\.id) == [record.id, "another"])
        try await fixture.queue.forget(worker: record.id)
        #expect(try await fixture.queue.workers().map(\.id) == ["another"])
    }
}
