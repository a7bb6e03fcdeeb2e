import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

struct EventLogTests {
    @Test func manyReadersFollowTheLog() async throws {
        let fixture = try QueueFixture()
        let log = fixture.queue.eventLog()
        let before = try await fixture.enqueued()
        let readers = (0..<5).map { _ in
            Task {
                var kinds: [JobEvent.Kind] = []
                for try await event in log.tail(from: .zero) where event.job == before.id {
                    kinds.append(event.kind)
                    if event.kind == .done { break }
                }
                return kinds
            }
        }
        let claim = try await fixture.claimed()
        for step in 1...4 {
            _ = try await fixture.queue.report(claim, progress: Double(step) / 4, audioSeconds: nil)
            _ = try await fixture.enqueued()
        }
        _ = try await fixture.queue.commit(claim, manifest: manifest(of: before))
        for reader in readers {
            let kinds = try await reader.value
            #expect(kinds == [.enqueued, .started, .progress, .progress, .progress, .progress, .done])
        }
    }

    @Test func aReaderStartsWhereItIsTold() async throws {
        let fixture = try QueueFixture()
        let log = fixture.queue.eventLog()
        #expect(try await log.end() == .zero)
        _ = try await fixture.enqueued()
        let end = try await log.end()
        #expect(try await log.events(after: end, limit: 10).isEmpty)
        let job = try await fixture.enqueued("the second.mp3")
        var reader = log.tail(from: end).makeAsyncIterator()
        let event = try #require(try await reader.next())
        #expect((event.kind, event.job, event.message) == (.enqueued, job.id, "the second.mp3"))
        #expect(abs(event.time.timeIntervalSinceNow) < 3600)
    }

    @Test func aCancelledReaderEnds() async throws {
        let fixture = try QueueFixture()
        let log = fixture.queue.eventLog()
        let reader = Task { for try await _ in log.tail(from: .zero) {} }
        try await eventually("somebody waits for events") {
            try await fixture.command("CLIENT", "LIST").string?.contains("cmd=xread") == true
        }
        reader.cancel()
        try await reader.value
    }

    @Test func eventsOfUnknownKindsAreSkipped() async throws {
        let fixture = try QueueFixture()
        try await fixture.command(
            "XADD", "{msaas}:events", "*", "kind", "from-the-future", "job", JobID.random().description)
        let log = fixture.queue.eventLog()
        let reader = Task {
            var reader = log.tail(from: .zero).makeAsyncIterator()
            return try await reader.next()
        }
        let job = try await fixture.enqueued()
        #expect(try await reader.value?.job == job.id)
    }

    @Test func theLogIsCapped() async throws {
        let fixture = try QueueFixture(options: QueueOptions(eventCap: 100), redis: .redis())
        for _ in 0..<400 { _ = try await fixture.enqueued() }
        let count = try #require(try await fixture.command("XLEN", "{msaas}:events").integer)
        #expect((100...300).contains(count))
    }

    @Test func readersOutliveARestart() async throws {
        let redis = try ServerProcess.durableRedis()
        let queue = try RedisJobQueue(
            url: "redis://127.0.0.1:\(redis.port)", options: QueueOptions(timeouts: .init(patience: .seconds(60))))
        let log = queue.eventLog()
        let first = newJob()
        _ = try await queue.enqueue(first)
        var reader = log.tail(from: .zero).makeAsyncIterator()
        #expect(try await reader.next()?.job == first.id)
        redis.kill()
        try redis.start()
        let second = newJob()
        _ = try await queue.enqueue(second)
        #expect(try await reader.next()?.job == second.id)
    }
}
