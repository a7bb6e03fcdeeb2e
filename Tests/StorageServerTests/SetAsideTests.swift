import Foundation
import HTTPTransport
import ObjectStorage
import StorageServer
import TestSupport
import Testing

/// Events that can never succeed: given up after a few tries, kept with the reason, shown, tried again on demand, and never in the
/// way of others.
@Suite struct SetAsideTests {
    private func storage(_ url: String, directory: TemporaryDirectory? = nil) async throws -> RunningStorage {
        try await RunningStorage(
            directory: directory, webhooks: [WebhookTarget(id: "separate", endpoint: url)],
            configure: {
                $0.webhookAttempts = 3
                $0.webhookInterval = .milliseconds(20)
            })
    }

    private func prepared(_ storage: RunningStorage) async throws -> S3Client {
        let client = try storage.client()
        try await client.createBucket("queue")
        try await client.setNotification(
            "queue",
            [QueueConfiguration(id: "s", arn: "arn:minio:sqs::separate:webhook", events: ["s3:ObjectCreated:*"])])
        return client
    }

    @Test func aPoisonedEventIsSetAsideShownAndRetried() async throws {
        let receiver = try await WebhookReceiver()
        await receiver.answers(503, to: "queue/poison")
        let storage = try await storage(receiver.url)
        let client = try await prepared(storage)
        try await client.put("queue", "poison", body: .empty)
        for index in 0..<20 { try await client.put("queue", "song \(index)", body: .empty) }
        var songs: Set<String> = []
        var tries = 0
        for await delivery in receiver.deliveries {
            if delivery.key == "queue/poison" { tries += 1 } else { songs.insert(delivery.key) }
            if songs.count == 20, tries >= 3 { break }
        }
        try await eventually("it is set aside") { try await client.eventsSetAside().count == 1 }
        let event = try #require(try await client.eventsSetAside().first)
        #expect(event.key == "queue/poison")
        #expect(event.target == "separate")
        #expect(event.reason == "status 503")
        #expect(event.attempts >= 3)
        #expect(try await metric("msaas_storage_events_set_aside", storage) == 1)

        // On demand, once the target has been mended.
        await receiver.answers(200, to: "queue/poison")
        #expect(try await client.retryEvents([event.id]) == 1)
        #expect(await receiver.next(1).first?.key == "queue/poison")
        try await eventually("nothing is left") {
            let waiting = try await metric("msaas_storage_events_waiting", storage)
            return try await client.eventsSetAside().isEmpty && waiting == 0
        }
        #expect(try await client.retryEvents() == 0)
        #expect(try await client.forgetEvents() == 0)
    }

    /// What was given up while the target took nothing at all comes back by itself with the first event that it takes.
    @Test func anOutageIsNoFaultOfTheEvents() async throws {
        let receiver = try await WebhookReceiver()
        await receiver.answers(500)
        let storage = try await storage(receiver.url)
        let client = try await prepared(storage)
        try await client.put("queue", "early", body: .empty)
        try await eventually("it is set aside") { try await client.eventsSetAside().count == 1 }
        await receiver.answers(200)
        try await client.put("queue", "late", body: .empty)
        try await eventually("both are taken") {
            let waiting = try await metric("msaas_storage_events_waiting", storage)
            return try await client.eventsSetAside().isEmpty && waiting == 0
        }
    }

    /// A target that is not there is waited for.
    @Test func nobodyThereIsNoRefusal() async throws {
        let port = try freePort()
        let storage = try await storage("http://127.0.0.1:\(port)/events")
        let client = try await prepared(storage)
        try await client.put("queue", "k", body: .empty)
        try await Task.sleep(for: .milliseconds(500))  // more than the pauses of three tries
        #expect(try await client.eventsSetAside().isEmpty)
        let receiver = try await WebhookReceiver(port: port)
        #expect(await receiver.next(1).first?.key == "queue/k")
    }

    /// An event that the disk does not give back is set aside, too; the storage lives on.
    @Test func aDiskErrorEndsNothing() async throws {
        let receiver = try await WebhookReceiver()
        let first = try await storage(receiver.url)
        _ = try await prepared(first)
        try await first.stop()
        let broken = first.directory.url.appending(path: "events/separate/00000000000000AA.json")
        try FileManager.default.createDirectory(at: broken, withIntermediateDirectories: true)
        let second = try await storage(receiver.url, directory: first.directory)
        let client = try second.client()
        try await eventually("it is set aside") { try await client.eventsSetAside().count == 1 }
        #expect(try await client.eventsSetAside().first?.reason.contains("Cannot read") == true)
        try await client.put("queue", "k", body: .empty)
        #expect(await receiver.next(1).first?.key == "queue/k")
    }

    @Test func theListIsForHoldersOfTheKeyOnly() async throws {
        let storage = try await storage("http://127.0.0.1:1/")
        let transport = CurlTransport()
        for method in ["GET", "POST", "DELETE"] {
            let answer = try await transport.send(
                HTTPRequest(method: method, url: storage.endpoint + "/minio/events"))
            #expect(answer.status == 403)
        }
        let stranger = try storage.client(secretKey: "wrong")
        await #expect(throws: S3Error.self) { try await stranger.eventsSetAside() }
    }

    private func metric(_ name: String, _ storage: RunningStorage) async throws -> Int? {
        let answer = try await CurlTransport().send(
            HTTPRequest(url: storage.endpoint + "/minio/v2/metrics/cluster"))
        let text = String(decoding: try await answer.body.collect(limit: 1 << 16), as: UTF8.self)
        return text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }?.split(separator: " ").last.flatMap {
            Int($0)
        }
    }
}

/// The decisions, without a network.
@Suite struct DeliveryScheduleTests {
    private let start = ContinuousClock.now
    private func schedule() -> Scheduling {
        Scheduling(
            DeliverySchedule(concurrency: 2, retry: RetryPolicy(attempts: 3, first: .seconds(1), longest: .seconds(8))))
    }
    private func name(_ number: Int, _ key: String = "k") -> EventName {
        EventName(sequencer: "00\(number)", bucket: "b", key: key)
    }

    /// A schedule that `#expect` may change.
    private final class Scheduling {
        private var schedule: DeliverySchedule
        init(_ schedule: DeliverySchedule) { self.schedule = schedule }
        func offer(_ names: [EventName]) { schedule.offer(names) }
        func start(now: ContinuousClock.Instant) -> [EventName] { schedule.start(now: now) }
        func finish(_ name: EventName, _ outcome: DeliverySchedule.Outcome, now: ContinuousClock.Instant)
            -> DeliverySchedule.Verdict
        { schedule.finish(name, outcome, now: now) }
        var wakes: ContinuousClock.Instant? { schedule.wakes }
        func trouble(now: ContinuousClock.Instant) -> (count: Int, since: Duration, problem: String)? {
            schedule.trouble(now: now)
        }
    }

    @Test func eventsOfOneObjectGoOneAfterTheOther() {
        let schedule = schedule()
        let (first, second, other) = (name(1), name(2), name(3, "other"))
        schedule.offer([first, second, other])
        #expect(schedule.start(now: start) == [first, other])
        #expect(schedule.finish(first, .refused("no"), now: start) == .later)
        #expect(schedule.finish(other, .taken, now: start) == .remove)
        // The second waits for the first, which waits for its time.
        #expect(schedule.start(now: start) == [])
        #expect(schedule.start(now: start + .seconds(1)) == [first])
        #expect(schedule.finish(first, .taken, now: start + .seconds(1)) == .remove)
        #expect(schedule.start(now: start + .seconds(1)) == [second])
    }

    @Test func pausesGrowAndTheLastTrySetsAside() {
        let schedule = schedule()
        var now = start
        schedule.offer([name(1)])
        var pauses: [Duration] = []
        for attempt in 1...3 {
            #expect(schedule.start(now: now) == [name(1)])
            let verdict = schedule.finish(name(1), .refused("status 500"), now: now)
            guard attempt < 3 else {
                #expect(verdict == .setAside(tries: 3, problem: "status 500", othersWereTaken: false))
                break
            }
            #expect(verdict == .later)
            let next = schedule.wakes ?? now
            pauses.append(next - now)
            now = next
        }
        #expect(pauses.count == 2 && (Duration.milliseconds(500)...Duration.seconds(1)).contains(pauses[0]))
        #expect((Duration.seconds(1)...Duration.seconds(2)).contains(pauses[1]))
        #expect(schedule.wakes == nil)
        #expect(schedule.trouble(now: now) == nil)
    }

    @Test func anAbsentTargetSetsNothingAside() {
        let schedule = schedule()
        var now = start
        schedule.offer([name(1)])
        for _ in 0..<50 {
            #expect(schedule.start(now: now) == [name(1)])
            #expect(schedule.finish(name(1), .nobodyThere("away"), now: now) == .later)
            now = schedule.wakes ?? now
        }
        #expect(schedule.trouble(now: now)?.count == 1)
    }

    /// What fails is bounded: beyond it nothing new is begun.
    @Test func failingEventsAreBounded() {
        var schedule = DeliverySchedule(
            concurrency: 8, retry: RetryPolicy(attempts: 3, first: .seconds(1000), longest: .seconds(1000)))
        schedule.offer((0..<1000).map { name($0, "key \($0)") })
        var begun = 0
        while true {
            let names = schedule.start(now: start)
            guard !names.isEmpty else { break }
            begun += names.count
            for name in names { _ = schedule.finish(name, .refused("no"), now: start) }
        }
        #expect(begun >= DeliverySchedule.window && begun < DeliverySchedule.window + 8)
        #expect(!schedule.wantsNames)
    }
}
