import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// What happens when Redis is away, broken, full, or not the one that we want.
struct RedisFaultTests {
    private func queue(port: Int, patience: Duration, command: Duration = .seconds(5)) throws -> RedisJobQueue {
        try RedisJobQueue(
            url: "redis://127.0.0.1:\(port)",
            options: QueueOptions(timeouts: .init(connect: .seconds(2), command: command, patience: patience)))
    }

    private func error(_ body: () async throws -> Void) async -> RedisError? {
        do { try await body() } catch { return error as? RedisError }
        return nil
    }

    @Test func everythingSurvivesAPowerFailureOfRedis() async throws {
        let redis = try ServerProcess.durableRedis()
        let queue = try queue(port: redis.port, patience: .seconds(60))
        let (first, second) = (newJob("1.mp3"), newJob("2.mp3"))
        _ = try await queue.enqueue(first)
        _ = try await queue.enqueue(second)
        let claim = try #require(try await queue.claim(worker: "w", wait: .seconds(5)))
        redis.kill()
        async let status = queue.renew(claim)
        try redis.start()
        #expect(try await status == .held)
        #expect(try await queue.recover() == [])
        #expect(try await queue.depth() == QueueDepth(waiting: 1, inFlight: 1, dead: 0))
        #expect(try await queue.commit(claim, manifest: manifest(of: first)) == .held)
        #expect(try await queue.claim(worker: "w", wait: .seconds(5))?.job.id == second.id)
    }

    @Test func holdersComeBackFirstAfterARestart() async throws {
        let redis = try ServerProcess.durableRedis()
        let queue = try RedisJobQueue(
            url: "redis://127.0.0.1:\(redis.port)",
            options: QueueOptions(lease: .seconds(6), timeouts: .init(patience: .seconds(60))))
        let job = newJob()
        _ = try await queue.enqueue(job)
        let claim = try #require(try await queue.claim(worker: "w", wait: .seconds(5)))
        #expect(try await queue.recover() == [])
        // The lease ran out while Redis was away.
        _ = try await queue.pool.client.send(["SET", "{msaas}:looked", "1"])
        _ = try await queue.pool.client.send(["ZADD", "{msaas}:leases", "0", RedisArgument(job.id)])
        redis.kill()
        try redis.start()
        #expect(try await queue.recover() == [])
        #expect(try await queue.renew(claim) == .held)
        _ = try await queue.pool.client.send(["ZADD", "{msaas}:leases", "0", RedisArgument(job.id)])
        try await eventually("it is recovered if nobody comes back") { try await queue.recover() == [job.id] }
    }

    /// Redis stands still for longer than a lease, and whoever looks first finds every lease run out.
    @Test func holdersComeBackFirstAfterAFreeze() async throws {
        let fixture = try QueueFixture(lease: .seconds(2))
        let jobs = [try await fixture.enqueued(), try await fixture.enqueued()]
        let claims = [try await fixture.claimed(by: "a"), try await fixture.claimed(by: "b")]
        #expect(try await fixture.queue.seal(claims[1], manifest: manifest(of: jobs[1])) == .held)
        #expect(try await fixture.queue.recover() == [])
        #expect(try await fixture.queue.recover() == [], "it has just been looked")
        kill(fixture.redis.processIdentifier, SIGSTOP)
        try await Task.sleep(for: .seconds(3))
        kill(fixture.redis.processIdentifier, SIGCONT)
        #expect(try await fixture.another().recover() == [])
        #expect(try await fixture.queue.unpublished().isEmpty)
        #expect(try await fixture.queue.renew(claims[0]) == .held)
        #expect(try await fixture.queue.job(jobs[0].id)?.attempts == 1)
        // Who does not come back is recovered after all.
        try await eventually("it is recovered") { try await fixture.queue.recover() == [jobs[0].id] }
        try await eventually("it is published") {
            try await fixture.queue.unpublished().map(\.claim.job.id) == [jobs[1].id]
        }
    }

    /// Those who look seldom, compared with the lease, are not taken for having been away.
    @Test func whoLooksSeldomRecoversAllTheSame() async throws {
        let fixture = try QueueFixture(lease: .milliseconds(100))
        let job = try await fixture.enqueued()
        _ = try await fixture.claimed()
        #expect(try await fixture.queue.recover(every: .seconds(60)) == [], "nobody has looked before")
        try await Task.sleep(for: .milliseconds(1200))
        #expect(try await fixture.queue.recover(every: .seconds(60)) == [job.id])
    }

    @Test func aWaitingClaimOutlivesARestart() async throws {
        let redis = try ServerProcess.durableRedis()
        let queue = try queue(port: redis.port, patience: .seconds(60))
        async let claim = queue.claim(worker: "w", wait: .seconds(600))
        try await eventually("the worker waits") { try await !queue.workers().isEmpty }
        redis.kill()
        try redis.start()
        let job = newJob()
        _ = try await queue.enqueue(job)
        #expect(try await claim?.job.id == job.id)
    }

    @Test func anAbsentRedisIsSaidToBeAbsent() async throws {
        let queue = try queue(port: freePort(), patience: .zero)
        let error = await error { try await queue.ping() }
        guard case .unreachable = error else { throw TestFailure("\(String(describing: error))") }
        #expect(error?.isTransient == true)
        #expect(error?.description.hasPrefix("Redis at 127.0.0.1:") == true)
    }

    @Test func aReplyThatIsCutShortIsAskedForAgain() async throws {
        let server = try FakeRedis([.cut("$100\r\nabc"), .cut("$4\r\nPO"), .cut("+PONG\r\n")])
        try await queue(port: server.port, patience: .seconds(60)).ping()
    }

    @Test func withoutPatienceACutReplyIsALostConnection() async throws {
        let server = try FakeRedis([.cut("*2\r\n$3\r\nabc\r\n$10\r\n12345")])
        let queue = try queue(port: server.port, patience: .zero)
        let error = await error { try await queue.ping() }
        guard case .connectionLost = error else { throw TestFailure("\(String(describing: error))") }
    }

    @Test func aSilentServerTimesOut() async throws {
        let server = try FakeRedis([.silence, .cut("+PONG\r\n")])
        let queue = try queue(port: server.port, patience: .zero, command: .milliseconds(200))
        #expect(await error { try await queue.ping() } == .timedOut(milliseconds: 200))
        try await queue.ping()
    }

    @Test func garbageIsNotTakenForAReply() async throws {
        let server = try FakeRedis([.cut("HTTP/1.1 400 Bad Request\r\n\r\n")])
        let queue = try queue(port: server.port, patience: .zero)
        let error = await error { try await queue.ping() }
        guard case .unexpectedReply = error else { throw TestFailure("\(String(describing: error))") }
    }

    /// A reply that announces a billion elements is no reason to make room for them.
    @Test func whatAnnouncesTooMuchIsNoReply() async throws {
        let server = try FakeRedis([.cut("*1199999991\r\n:1\r\n")])
        let queue = try queue(port: server.port, patience: .zero)
        let error = await error { try await queue.ping() }
        #expect(error == .unexpectedReply("a reply with more elements than there can be"))
    }

    @Test func aLoadingServerIsWaitedFor() async throws {
        let loading = "-LOADING Redis is loading the dataset in memory\r\n"
        let patient = try FakeRedis([.cut(loading), .cut(loading), .cut("+PONG\r\n")])
        try await queue(port: patient.port, patience: .seconds(60)).ping()
        let server = try FakeRedis([.cut(loading)])
        let queue = try queue(port: server.port, patience: .zero)
        #expect(await error { try await queue.ping() } == .loading)
    }

    @Test func aFullServerTakesNoNewWorkAndLetsBegunWorkEnd() async throws {
        let fixture = try QueueFixture()
        let queue = fixture.queue
        let job = try await fixture.enqueued()
        let second = try await fixture.enqueued()
        let third = try await fixture.enqueued()
        let claim = try await fixture.claimed()
        let claimOfSecond = try await fixture.claimed(by: "worker-2")
        let claimOfThird = try await fixture.claimed(by: "worker-3")
        try await fixture.command("CONFIG", "SET", "maxmemory", "1")
        #expect(await error { _ = try await queue.enqueue(newJob()) } == .outOfMemory)
        #expect(await error { _ = try await queue.report(claim, progress: 0.5, audioSeconds: nil) } == .outOfMemory)
        #expect(try await queue.renew(claim) == .held)
        try await queue.heartbeat(WorkerRecord(id: "worker-1"))
        #expect(try await queue.seal(claim, manifest: manifest(of: job)) == .held)
        #expect(try await queue.commit(claim, manifest: manifest(of: job)) == .held)
        #expect(try await queue.fail(claimOfSecond, reason: "x", retry: true) == .queued)
        try await queue.giveBack(claimOfThird)
        #expect(try await queue.job(job.id)?.stems.count == 2)
        #expect(try await queue.recent(limit: 10).count == 3, "the refused job left nothing behind")
        try await fixture.command("CONFIG", "SET", "maxmemory", "0")
        #expect(try await fixture.claimed().job.id == third.id)
        #expect(try await fixture.claimed().job.id == second.id)
        #expect(try await queue.enqueue(newJob()) == .enqueued(position: 1))
    }

    @Test func aReplicaIsTold() async throws {
        let master = try ServerProcess.redis()
        let replica = try ServerProcess.redis(["--replicaof", "127.0.0.1 \(master.port)"])
        let replicaQueue = try queue(port: replica.port, patience: .zero)
        try await eventually("the replica is in step") {
            await error { _ = try await replicaQueue.enqueue(newJob()) } == .readOnly
        }
        let job = newJob()
        _ = try await queue(port: master.port, patience: .zero).enqueue(job)
        try await eventually("the replica knows the job") { try await replicaQueue.job(job.id) != nil }
        _ = try await replicaQueue.pool.client.send(["CONFIG", "SET", "replica-serve-stale-data", "no"])
        master.kill()
        try await eventually("the master is missed") {
            await error { _ = try await replicaQueue.job(job.id) } == .masterDown
        }
    }

    @Test func passwordsAreAsked() async throws {
        let redis = try ServerProcess.redis(["--requirepass", "p@ss word"])
        let without = try queue(port: redis.port, patience: .zero)
        let wrong = try RedisJobQueue(url: "redis://:wrong@127.0.0.1:\(redis.port)")
        for queue in [without, wrong] {
            let error = await error { try await queue.ping() }
            guard case .notAllowed = error else { throw TestFailure("\(String(describing: error))") }
            #expect(error?.isTransient == false)
        }
        try await RedisJobQueue(url: "redis://:p%40ss%20word@127.0.0.1:\(redis.port)/1").ping()
    }

    @Test func argumentsMayHoldAnyBytes() async throws {
        let fixture = try QueueFixture()
        let bytes: [UInt8] = [0, 13, 10, 255, 36, 0, 42]
        let client = fixture.queue.pool.client
        _ = try await client.send(["SET", "key", RedisArgument(bytes)])
        #expect(try await client.send(["GET", "key"]) == .bytes(bytes))
        let name = "a\0b\r\n\"'{}%d né.mp3"
        let job = try await fixture.enqueued(name)
        #expect(try await fixture.queue.job(job.id)?.filename == name)
        #expect(try await fixture.queue.job(job.id)?.key == job.key)
    }
}
