import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ObjectStorage
import SeparationChoices
import ServiceContract
import TestSupport
import Testing

@Suite struct SeparateTests {
    static let fixture = try? Data(
        contentsOf: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "minio-event.json"))

    @Test func aNotificationOfMinIOIsQueuedOnce() async throws {
        try await withStack { stack in
            let event = try #require(Self.fixture)
            let key = "dir one/my song+é.mp3"
            try await stack.put(key, metadata: ["model": "htdemucs"])
            let id = try await stack.id(ofObject: key, options: JobOptions(model: "htdemucs"))
            let first = try await stack.separatePost(event)
            #expect(first.status == 200)
            #expect(first.text.contains("\"job\":\"\(id)\""))
            let job = try #require(try await stack.queue.job(id))
            #expect(job.key == key && job.filename == "my song+é.mp3" && job.options.model == "htdemucs")
            #expect(try await stack.separatePost(event).text.contains("\"accepted\":[{"))
            #expect(try await stack.queue.depth().waiting == 1)
        }
    }

    @Test func cloudEventsAreUnderstood() async throws {
        try await withStack { stack in
            try await stack.put("a.mp3")
            try await stack.put("b.mp3")
            let record =
                #"{"eventName":"ObjectCreated:Put","eventSource":"aws:s3","s3":{"bucket":{"name":"queue"},"object":{"key":"KEY"}}}"#
            let binary = try await stack.separatePost(
                Data("{\"Records\":[\(record.replacing("KEY", with: "a.mp3"))]}".utf8),
                headers: [
                    "ce-specversion": "1.0", "ce-type": "com.amazonaws.s3.ObjectCreated:Put", "ce-source": "x",
                    "ce-id": "1",
                ])
            #expect(binary.text.contains("\"state\":\"queued\""))
            let structured = try await stack.separatePost(
                Data(
                    ("{\"specversion\":\"1.0\",\"type\":\"com.amazonaws.s3.ObjectCreated:Put\",\"source\":\"x\",\"id\":\"2\","
                        + "\"data\":{\"Records\":[\(record.replacing("KEY", with: "b.mp3"))]}}").utf8),
                headers: ["Content-Type": "application/cloudevents+json"])
            #expect(structured.text.contains("\"state\":\"queued\""))
            #expect(try await stack.queue.depth().waiting == 2)
        }
    }

    @Test func uploadsAreQueuedByTheirNotification() async throws {
        try await withStack(notifies: true) { stack in
            let reply = try await stack.host.send(
                "POST", "/upload?filename=%C3%A9+x.mp3&shifts=4", body: .bytes(UploadTests.song))
            let id = try #require(reply.json["job"])
            try await eventually("it is queued") { try await stack.job(id)?.state == .queued }
            #expect(try await stack.job(id)?.options.shifts == 4)
            #expect(try await stack.job(id)?.filename == "é x.mp3")
            let status = try await stack.host.get("/fetch/\(id)")
            #expect(status.json["state"] == "queued")
            #expect(status.json["position"] == "1")
        }
    }

    @Test func probesAreAnsweredAndChangeNothing() async throws {
        try await withStack { stack async throws in
            #expect(try await stack.host.get("/separate").status == 200)
            #expect(try await stack.host.send("HEAD", "/separate").status == 200)
            #expect(try await stack.host.send("POST", "/separate").status == 200)
            #expect(try await stack.separatePost(Data("{}".utf8)).text.contains("\"accepted\":[]"))
        }
    }

    @Test func tokensAreDemanded() async throws {
        try await withStack { stack in
            let body = HTTPBody.bytes(Data(#"{"bucket":"queue","key":"a.mp3"}"#.utf8))
            try await stack.put("a.mp3")
            for headers: HTTPHeaders in [[:], ["Authorization": "Bearer nonsense"], ["Authorization": "Bearer "]] {
                let reply = try await stack.host.send("POST", "/separate", headers: headers, body: body)
                #expect(reply.status == 401)
                #expect(reply.problem == "unauthorized")
                #expect(reply.headers["WWW-Authenticate"] == "Bearer")
            }
            #expect(try await stack.queue.depth().waiting == 0)
        }
    }

    @Test func badEventsAreAnsweredSoThatTheyDoNotComeAgain() async throws {
        func event(_ name: String, _ bucket: String, _ key: String) -> String {
            "{\"Records\":[{\"eventName\":\"\(name)\",\"s3\":{\"bucket\":{\"name\":\"\(bucket)\"},\"object\":{\"key\":\"\(key)\"}}}]}"
        }
        let cases = [
            ("nonsense", "not JSON"), ("[1]", "no specversion"), (#"{"Records":[{}]}"#, "eventName"),
            (event("s3:ObjectRemoved:Delete", "queue", "a.mp3"), "not about a new object"),
            (event("s3:ObjectCreated:Put", "output", "a.mp3"), "not in the bucket"),
            (event("s3:ObjectCreated:Put", "queue", "folder%2F"), "folder"),
            (event("s3:ObjectCreated:Put", "queue", "gone.mp3"), "not there"),
            (event("s3:ObjectCreated:Put", "queue", "%ff"), "escaped"),
        ]
        try await withStack { stack in
            for (body, reason) in cases {
                let reply = try await stack.separatePost(Data(body.utf8))
                #expect(reply.status == 200)
                #expect(reply.text.contains(reason), "\(body) → \(reply.text)")
                #expect(reply.text.contains("\"accepted\":[]"))
            }
            #expect(stack.host.log.lines.filter { $0.contains("event ignored") }.count == cases.count)
            #expect(try await stack.queue.depth().waiting == 0)
        }
    }

    @Test func songsThatCannotBeSeparatedAreFailedJobs() async throws {
        try await withStack(notifies: true) { stack in
            let empty = JobID.random()
            let wrong = JobID.random()
            try await stack.put("\(empty)/empty.mp3", "")
            try await stack.put("\(wrong)/song.mp3", metadata: ["format": "zip"])
            try await eventually("both are known") {
                let jobs = try await stack.queue.recent(limit: 10)
                return jobs.count == 2 && jobs.allSatisfy { $0.state == .failed }
            }
            let first = try await stack.host.get("/fetch/\(empty)")
            #expect(first.json["state"] == "failed")
            #expect(first.json["error"] == "The file is empty.")
            let second = try await stack.host.get("/fetch/\(wrong)")
            #expect(second.json["error"]?.contains("“zip”") == true)
            #expect(try await stack.queue.depth() == QueueDepth(waiting: 0, inFlight: 0, dead: 0))
            #expect(try await stack.queue.eventLog().events(of: wrong).map(\.kind) == [.failed])
        }
    }

    /// The storage sends the first event until it is taken, and all others wait behind it.
    @Test func anEventThatCanNeverSucceedIsSetAside() async throws {
        try await withStack(notifies: true, transport: PoisonedStorage()) { stack in
            try await stack.put("poison.mp3")
            try await stack.put("song.mp3")
            try await eventually("the song behind it is queued") { try await stack.queue.depth().waiting == 1 }
            try await eventually("readiness tells of it while it is tried") {
                try await stack.host.get("/readyz").text.contains("\"deliveries\":\"failed\"")
            }
            try await eventually("it is set aside, and shown") {
                try await stack.host.get("/fetch").text.contains(
                    "\"aside\":[{\"bucket\":\"queue\",\"key\":\"poison.mp3\"")
            }
            try await eventually("readiness goes by what is set aside no more") {
                try await stack.host.get("/readyz").text.contains("\"deliveries\":\"ok\"")
            }
        }
    }

    @Test func readinessTellsWhenEventsComeAgainAndAgain() async throws {
        try await withStack(notifies: true) { stack in
            stack.redis.kill()
            try await stack.put("song.mp3")
            try await eventually("it is told") {
                try await stack.host.get("/readyz").text.contains("\"deliveries\":\"failed\"")
            }
        }
    }

    @Test func ordersByHandAreToldWhatIsWrong() async throws {
        let secret = APIKey.makeSecret()
        var admin = try APIKey(name: "studio", secret: secret)
        admin.isAdmin = true
        let ring = KeyRing([admin])
        try await withStack(configure: { $0.keys = ring }) { stack in
            try await stack.put("a.mp3")
            func order(_ body: String) async throws -> Reply {
                try await stack.host.send(
                    "POST", "/separate", headers: ["X-API-Key": secret], body: .bytes(Data(body.utf8)))
            }
            for body in ["nonsense", "{}", #"{"key":"x"}"#, #"{"bucket":"queue","key":"a.mp3","options":[1]}"#] {
                let reply = try await order(body)
                #expect((reply.status, reply.problem) == (400, "bad-request"), "\(reply.text)")
            }
            let wrong = #"{"bucket":"queue","key":"a.mp3","options":{"format":"mp33"}}"#
            #expect(try await order(wrong).problem == "invalid-option")
            #expect(try await stack.separatePost(Data(wrong.utf8)).problem == "invalid-option")
            #expect(try await order(#"{"bucket":"queue","key":"a.mp3"}"#).text.contains("\"queued\""))
        }
    }

    @Test func ordersCarryOptionsOverTheObjects() async throws {
        try await withStack { stack in
            try await stack.put("a.mp3", metadata: ["format": "flac", "shifts": "2"])
            let reply = try await stack.separatePost(
                Data(#"{"bucket":"queue","key":"a.mp3","options":{"shifts":5,"two_stems":"vocals"}}"#.utf8))
            let id = try #require(try reply.decoded(SeparateAnswer.self).accepted.first?.job)
            let options = try #require(try await stack.queue.job(id)?.options)
            #expect(options.format == .flac && options.shifts == 5 && options.twoStems == "vocals")
        }
    }

    /// A quality in an order goes before what the object says, and what is named beside it goes before the quality.
    @Test func ordersCarryAQualityOverTheObjects() async throws {
        try await withStack { stack in
            try await stack.put("a.mp3", metadata: ["shifts": "2", "overlap": "0.5"])
            try await stack.put("b.mp3", metadata: ["quality": "best"])
            func options(_ order: String) async throws -> JobOptions? {
                let reply = try await stack.separatePost(Data(order.utf8))
                let id = try #require(try reply.decoded(SeparateAnswer.self).accepted.first?.job)
                return try await stack.queue.job(id)?.options
            }
            #expect(
                try await options(#"{"bucket":"queue","key":"a.mp3","options":{"quality":"best"}}"#)
                    == JobOptions(shifts: Quality.best.shifts, overlap: Quality.best.overlap))
            #expect(
                try await options(#"{"bucket":"queue","key":"a.mp3","options":{"quality":"fast","overlap":0.3}}"#)
                    == JobOptions(shifts: Quality.fast.shifts, overlap: 0.3))
            #expect(
                try await options(#"{"bucket":"queue","key":"b.mp3"}"#)
                    == JobOptions(shifts: Quality.best.shifts, overlap: Quality.best.overlap))
            #expect(
                try await options(#"{"bucket":"queue","key":"b.mp3","options":{"shifts":1}}"#)
                    == JobOptions(shifts: 1, overlap: Quality.best.overlap))
        }
    }

    @Test func eventsWaitForRedis() async throws {
        try await withStack { stack in
            try await stack.put("a.mp3")
            stack.redis.kill()
            let reply = try await stack.separatePost(Data(#"{"bucket":"queue","key":"a.mp3"}"#.utf8))
            #expect(reply.status == 503)
            #expect(reply.problem == "unavailable")
            #expect(!reply.text.contains("\(stack.redis.port)"))
        }
    }
}
