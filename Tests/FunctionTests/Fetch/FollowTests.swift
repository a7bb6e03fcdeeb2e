import FetchFunction
import Foundation
import FunctionClients
import HTTPTransport
import NIOCore
import ServiceClient
import ServiceContract
import Streams
import Synchronization
import TestSupport
import Testing

/// `ServiceClient`, as `submit` uses it, against the real functions and against ones that answer badly.
@Suite struct FollowTests {
    @Test func aJobIsFollowedByItsEventsAlone() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            let seen = Mutex<[JobStatus]>([])
            let following = Task { [address = stack.host.url] in
                try await ServiceClient(address: address).follow(id) { status in seen.withLock { $0.append(status) } }
            }
            try await eventually("it waits") { seen.withLock { $0.last?.state == .queued } }
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            for progress in [0.1, 0.5, 0.9] {
                _ = try await stack.queue.report(claim, progress: progress, audioSeconds: 10)
                try await eventually("it is seen") { seen.withLock { $0.last?.progress == progress } }
            }
            let left = seen.withLock { $0.last?.etaSeconds }
            #expect(try #require(left) >= 0)
            let manifest = try await stack.store(FetchTests.stems, for: claim.job)
            _ = try await stack.queue.seal(claim, manifest: manifest)
            _ = try await stack.queue.commit(claim, manifest: manifest)
            let status = try await following.value
            #expect(status.state == .done)
            #expect(status.stems.map(\.name) == FetchTests.stems.map(\.0))
            var asked = 0.0
            try await eventually("the request has ended") {
                asked = try await stack.host.get("/metrics").text.split(separator: "\n")
                    .filter { $0.hasPrefix("http_requests_total{") && $0.contains("function=\"fetch\"") }
                    .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
                return asked > 0
            }
            #expect(asked == 1)
        }
    }

    @Test func aFailureIsTold() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            _ = try await stack.queue.fail(claim, reason: "It is no song.", retry: false)
            let client = ServiceClient(address: stack.host.url)
            await #expect(throws: ServiceError.jobEnded(job: id, state: .failed, reason: "It is no song.")) {
                try await client.follow(id) { _ in }
            }
            let error = await #expect(throws: ServiceError.self) { try await client.follow(JobID.random()) { _ in } }
            #expect(error?.description.contains("There is no job") == true)
        }
    }

    /// The service is away at first, goes away in the middle, and is another one at the end.
    @Test func restartsOfTheServiceAreSurvived() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            let port = try freePort()
            let seen = Mutex<[JobState]>([])
            let following = Task {
                var client = ServiceClient(address: "http://127.0.0.1:\(port)")
                client.retry.backoff.longest = .milliseconds(250)
                client.retry.backoff.attempts = 400
                return try await client.follow(id) { status in seen.withLock { $0.append(status.state) } }
            }
            let fetch = FetchFunction(
                storage: StorageAccess(client: stack.storage), queue: QueueAccess(jobs: stack.queue))
            try await withHost([fetch], configure: { $0.port = port }) { _ in
                try await eventually("it waits") { seen.withLock { $0.last == .queued } }
            }
            try await stack.separate(FetchTests.stems)
            try await withHost([fetch], configure: { $0.port = port }) { _ in
                let status = try await following.value
                #expect(status.state == .done)
            }
        }
    }

    /// Nobody is asked again before the time that was asked for, and each answer is one more try.
    @Test func refusalsForATimeAreWaitedFor() async throws {
        let id = JobID.random()
        let service = ScriptedService([
            .failure(.cannotConnect("here", "refused")),
            .success(.refusal(429, retryAfter: "7")),
            .success(.refusal(503, retryAfter: "3")),
            .success(
                .events(try state(id, .queued, place: "5-0") + "event: progress\nid: 6-0\ndata: {\"progress\":0.5}\n\n")
            ),
            .success(.events("retry: 4000\n\n", fails: .connectionLost("here", "reset"))),
            .success(.events(try state(id, .done, place: "9-0"))),
        ])
        let status = try await service.client().follow(id) { _ in }
        #expect(status.state == .done)
        #expect(service.pauses.prefix(3) == [.milliseconds(250), .seconds(7), .seconds(3)])
        #expect(service.places == [nil, nil, nil, nil, "6-0", "6-0"])
    }

    /// What is refused for good, or for longer than anybody waits, is said at once.
    @Test func refusalsForGoodAreSaid() async throws {
        for answer in [HTTPResponse.refusal(404, retryAfter: nil), .refusal(429, retryAfter: "40000")] {
            let service = ScriptedService([.success(answer)])
            await #expect(throws: ServiceError.self) { try await service.client().follow(JobID.random()) { _ in } }
        }
        let page = HTTPResponse(status: 200, headers: ["Content-Type": "text/html"], body: ByteStream(Data("<p>".utf8)))
        await #expect(throws: ServiceError.self) {
            try await ScriptedService([.success(page)]).client().follow(JobID.random()) { _ in }
        }
    }

    /// Patience has an end, and begins anew with each message.
    @Test func patienceEnds() async throws {
        let away = Array(repeating: ScriptedService.Answer.failure(.cannotConnect("here", "refused")), count: 50)
        let service = ScriptedService(away)
        await #expect(throws: HTTPError.cannotConnect("here", "refused")) {
            try await service.client().follow(JobID.random()) { _ in }
        }
        #expect(service.places.count == 30)
        let id = JobID.random()
        var answers: [ScriptedService.Answer] = []
        for _ in 0..<3 { answers += away.prefix(20) + [try .success(.events(state(id, .queued, place: "1-0")))] }
        answers.append(try .success(.events(state(id, .done, place: "2-0"))))
        let status = try await ScriptedService(answers).client().follow(id) { _ in }
        #expect(status.state == .done)
    }

    @Test func aFullQueueIsWaitedFor() async throws {
        let directory = try TemporaryDirectory()
        let song = directory.url.appending(path: "a.wav")
        try Data("RIFF".utf8).write(to: song)
        let accepted = AcceptedUpload(job: JobID.random(), filename: "a.wav", size: 4)
        let answer = HTTPResponse(status: 202, body: ByteStream(try JSONEncoder.contract.encode(accepted)))
        let service = ScriptedService([.success(.refusal(429, retryAfter: "30")), .success(answer)])
        #expect(try await service.client().upload(song) == accepted.job)
        #expect(service.pauses == [.seconds(30)])
        // Whether a song was stored before the connection broke, nobody knows: it is not sent twice.
        let broken = ScriptedService([.failure(.connectionLost("here", "reset")), .success(answer)])
        await #expect(throws: HTTPError.self) { try await broken.client().upload(song) }
    }

    @Test func streamsAreReadHoweverTheyAreCut() throws {
        let text =
            ": comment\r\nevent: state\rid: 1-0\ndata:one\ndata: two\r\n\r\nid\ndata\n\nretry: 99999999\nevent: x\n\nid: a\0b\ndata: é\n\n"
        let expected: [EventStreamParser.Message] = [
            .init(event: "state", id: "1-0", data: "one\ntwo"), .init(event: "message", id: "", data: ""),
            .init(event: "message", id: nil, data: "é"),
        ]
        for size in 1...text.utf8.count {
            var parser = EventStreamParser()
            var messages: [EventStreamParser.Message] = []
            var rest = ByteBuffer(string: text)
            while let piece = rest.readSlice(length: min(size, rest.readableBytes)), piece.readableBytes > 0 {
                messages += try parser.read(piece)
            }
            #expect(messages == expected)
            #expect(parser.pause == .seconds(60))
        }
        var endless = EventStreamParser()
        #expect(throws: HTTPError.self) {
            for _ in 0..<17 { _ = try endless.read(ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 16)) }
        }
    }

    private func state(_ id: JobID, _ state: JobState, place: String) throws -> String {
        let status = JobStatus(id, state: state, filename: "a.wav")
        let data = String(decoding: try JSONEncoder.contract.encode(status), as: UTF8.self)
        return "event: state\nid: \(place)\ndata: \(data)\n\n"
    }
}

/// A service that answers one request after the other as it was told.
private final class ScriptedService: HTTPTransport {
    typealias Answer = Result<HTTPResponse, HTTPError>
    private let answers: Mutex<[Answer]>
    private let asked = Mutex<[String?]>([])
    private let waited = Mutex<[Duration]>([])

    init(_ answers: [Answer]) { self.answers = Mutex(answers) }

    /// `Last-Event-ID` of each request.
    var places: [String?] { asked.withLock { $0 } }
    var pauses: [Duration] { waited.withLock { $0 } }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        asked.withLock { $0.append(request.headers["Last-Event-ID"]) }
        let answer = answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let answer else { throw TestFailure("nobody expected a further request") }
        return try answer.get()
    }

    /// A client that does not wait, and notes how long it would have.
    func client() -> ServiceClient {
        var client = ServiceClient(address: "http://service.test", transport: self)
        client.retry.generator = Constant(bits: 0)
        client.retry.sleep = { pause in self.waited.withLock { $0.append(pause) } }
        return client
    }
}

extension HTTPResponse {
    fileprivate static func refusal(_ status: Int, retryAfter: String?) -> HTTPResponse {
        var headers: HTTPHeaders = ["Content-Type": "application/problem+json"]
        headers["Retry-After"] = retryAfter
        return HTTPResponse(status: status, headers: headers, body: ByteStream(Data("{\"detail\":\"Later.\"}".utf8)))
    }

    /// A stream of events that breaks in the end if it `fails`.
    fileprivate static func events(_ text: String, fails error: HTTPError? = nil) -> HTTPResponse {
        let chunks = Mutex<[String]>([text])
        return HTTPResponse(
            status: 200, headers: ["Content-Type": "text/event-stream"],
            body: ByteStream(next: {
                if let text = chunks.withLock({ $0.popLast() }) { return ByteBuffer(string: text) }
                if let error { throw error }
                return nil
            }))
    }
}
