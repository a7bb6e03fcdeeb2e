import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// What happens when a worker goes away, comes back, or was never there.
struct LeaseTests {
    private static let short = Duration.milliseconds(300)

    @Test func aLostWorkersJobGoesToAnotherOne() async throws {
        let fixture = try QueueFixture(lease: Self.short)
        let job = try await fixture.enqueued()
        let later = try await fixture.enqueued()
        let zombie = try await fixture.claimed(by: "zombie")
        try await eventually("the job is recovered") { try await fixture.queue.recover() == [job.id] }
        #expect(try await fixture.queue.position(of: job.id) == 1, "it is the next one out")
        #expect(try await fixture.queue.job(job.id)?.error?.contains("zombie") == true)
        #expect(try await fixture.queue.renew(zombie) == .lost)

        let winner = try await fixture.claimed(by: "winner")
        #expect(winner.job.id == job.id)
        #expect(winner.job.attempts == 2)
        #expect(winner.token > zombie.token)
        // The zombie wakes up and is refused everything.
        #expect(try await fixture.queue.renew(zombie) == .lost)
        #expect(try await fixture.queue.report(zombie, progress: 0.9, audioSeconds: 1) == .lost)
        #expect(try await fixture.queue.seal(zombie, manifest: manifest(of: job, model: "zombie")) == .lost)
        #expect(try await fixture.queue.commit(zombie, manifest: manifest(of: job, model: "zombie")) == .lost)
        #expect(try await fixture.queue.fail(zombie, reason: "", retry: false) == .running)
        try await fixture.queue.giveBack(zombie)
        #expect(try await fixture.state(job.id) == .running)

        #expect(try await fixture.queue.commit(winner, manifest: manifest(of: job, model: "winner")) == .held)
        #expect(try await fixture.queue.commit(winner, manifest: manifest(of: job, model: "winner")) == .held)
        #expect(try await fixture.queue.commit(zombie, manifest: manifest(of: job, model: "zombie")) == .lost)
        #expect(try await fixture.queue.job(job.id)?.model == "winner")
        #expect(try await fixture.waiting() == [later.id.description])
    }

    @Test func renewedLeasesAreNotRecovered() async throws {
        let fixture = try QueueFixture(lease: .seconds(4))
        _ = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let lease = try await fixture.command("ZSCORE", "{msaas}:leases", claim.job.id.description).integer
        try await eventually("the lease is later than it was") {
            #expect(try await fixture.queue.renew(claim) == .held)
            #expect(try await fixture.queue.recover() == [])
            let now = try await fixture.command("ZSCORE", "{msaas}:leases", claim.job.id.description).integer
            return try #require(now) > #require(lease) + 4500
        }
    }

    @Test func anExpiredLeaseThatNobodyTookCanBeRenewed() async throws {
        let fixture = try QueueFixture(lease: .milliseconds(1))
        _ = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(try await fixture.queue.renew(claim) == .held)
        #expect(try await fixture.queue.commit(claim, manifest: manifest(of: claim.job)) == .held)
    }

    @Test func aJobThatKillsItsWorkersEndsAmongTheDead() async throws {
        let fixture = try QueueFixture(lease: .milliseconds(50), attempts: 3)
        let job = try await fixture.enqueued()
        for attempt in 1...3 {
            #expect(try await fixture.claimed(by: "w\(attempt)").job.attempts == attempt)
            try await eventually("the job is recovered") { try await fixture.queue.recover() == [job.id] }
        }
        #expect(try await fixture.state(job.id) == .dead)
        #expect(try await fixture.members("{msaas}:dead") == [job.id.description])
        #expect(try await fixture.queue.claim(worker: "w4", wait: .milliseconds(10)) == nil)
    }

    /// The reply to a claim is lost: the worker asks again and gets the same job, or its end gives the job back.
    @Test func aClaimWhoseAnswerIsLostIsNotLost() async throws {
        let fixture = try QueueFixture()
        // The script is there already, so that what is lost is the answer to the claim.
        _ = try await fixture.queue.claim(worker: "before", wait: .zero)
        let (first, second) = (try await fixture.enqueued(), try await fixture.enqueued())
        let proxy = try LossyProxy(to: fixture.redis.port)
        let worker = try RedisJobQueue(
            url: "redis://127.0.0.1:\(proxy.port)/0",
            options: QueueOptions(timeouts: .init(command: .seconds(5), patience: .zero)))
        proxy.losesReplies(true)
        await #expect(throws: RedisError.self) { try await worker.claim(worker: "w", wait: .zero) }
        #expect(try await fixture.state(first.id) == .running)
        proxy.losesReplies(false)
        let claim = try #require(try await worker.claim(worker: "w", wait: .zero))
        #expect((claim.job.id, claim.job.attempts, claim.token) == (first.id, 1, 1))

        proxy.losesReplies(true)
        await #expect(throws: RedisError.self) { try await worker.claim(worker: "w", wait: .zero) }
        proxy.losesReplies(false)
        try await worker.forget(worker: "w")
        #expect(try await fixture.waiting() == [second.id.description])
        #expect(try await fixture.queue.job(second.id)?.attempts == 0, "no attempt was made")
        #expect(try await fixture.state(first.id) == .running, "what the worker knew of is not touched")
    }

    @Test func aSealedJobIsPublishedAndNeverWorkedOnAgain() async throws {
        let fixture = try QueueFixture(lease: Self.short)
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        #expect(try await fixture.queue.seal(claim, manifest: manifest(of: job)) == .held)
        #expect(try await fixture.queue.fail(claim, reason: "too late", retry: true) == .running)
        var sealed: [SealedJob] = []
        try await eventually("the lease runs out") {
            #expect(try await fixture.queue.recover() == [])
            sealed = try await fixture.queue.unpublished()
            return !sealed.isEmpty
        }
        #expect(sealed.map(\.manifest) == [manifest(of: job)])
        #expect(try await fixture.another().commit(sealed[0].claim, manifest: sealed[0].manifest) == .held)
        #expect(try await fixture.queue.commit(claim, manifest: manifest(of: job)) == .held)
        #expect(try await fixture.state(job.id) == .done)
    }

    @Test func theLeaseLineServesAPlainThread() async throws {
        let fixture = try QueueFixture()
        let job = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let queue = fixture.queue
        let statuses = try await withCheckedThrowingContinuation { continuation in
            Thread {
                continuation.resume(
                    with: Result {
                        let line = queue.leaseLine()
                        _ = try line.heartbeat(WorkerRecord(id: "worker-1", state: .busy, job: job.id))
                        return [
                            try line.renew(claim), try line.report(claim, progress: .nan, audioSeconds: 3),
                            try line.report(claim, progress: 7, audioSeconds: nil),
                        ]
                    })
            }.start()
        }
        #expect(statuses == [.held, .held, .held])
        #expect(try await queue.job(job.id)?.progress == 1)
        #expect(try await queue.job(job.id)?.audioSeconds == 3)
        #expect(try await queue.workers().first?.job == job.id)
    }
}
