import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ServiceContract
import TestSupport
import Testing

/// `GET /fetch` page by page, `GET /fetch/events`, `Prefer: wait`, and what people do to a job.
@Suite struct ListTests {
    @Test func everyJobIsOnOnePage() async throws {
        try await withStack { stack in
            var ids: [JobID] = []
            for _ in 0..<7 { ids.append(try await stack.queued()) }
            // Two of one millisecond, and one that Redis has forgotten.
            let twin = ids[3]
            let score = try #require(
                try await stack.queue.pool.client.send(["ZSCORE", "{msaas}:recent", RedisArgument(ids[2].description)])
                    .string)
            _ = try await stack.queue.pool.client.send([
                "ZADD", "{msaas}:recent", RedisArgument(score), RedisArgument(twin.description),
            ])
            _ = try await stack.queue.pool.client.send(["DEL", RedisArgument("{msaas}:job:\(ids[5])")])
            for limit in [1, 2, 3, 6, 200] {
                var (seen, cursor, pages): ([JobID], String?, Int) = ([], nil, 0)
                repeat {
                    let reply = try await stack.host.get(
                        "/fetch?limit=\(limit)" + (cursor.map { "&cursor=\($0)" } ?? ""))
                    let list = try reply.decoded(JobList.self)
                    #expect(list.jobs.count <= limit)
                    seen += list.jobs.map(\.job)
                    cursor = list.next
                    pages += 1
                } while cursor != nil && pages < 20
                #expect(seen.count == 6 && Set(seen) == Set(ids).subtracting([ids[5]]), "pages of \(limit)")
                #expect(pages == (6 + limit - 1) / limit)
            }
        }
    }

    @Test func jobsAreFoundByStateAndKey() async throws {
        try await withStack { stack in
            let (failed, waiting) = (try await stack.queued("a b.mp3"), try await stack.queued("c.mp3"))
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            #expect(claim.job.id == failed)
            _ = try await stack.queue.fail(claim, reason: "No.", retry: false)
            func jobs(_ query: String) async throws -> [JobID] {
                try await stack.host.get("/fetch?\(query)").decoded(JobList.self).jobs.map(\.job)
            }
            #expect(try await jobs("state=failed") == [failed])
            #expect(try await jobs("state=queued") == [waiting])
            #expect(try await jobs("state=done") == [])
            #expect(try await jobs("key=\(failed)/a%20b.mp3") == [failed])
            #expect(try await jobs("key=\(failed)/a%20b.mp3&state=queued") == [])
            #expect(try await jobs("key=") == [])
            let status = try await stack.host.get("/fetch/\(failed)").decoded(JobStatus.self)
            #expect((status.bucket, status.key) == ("queue", "\(failed)/a b.mp3"))
            for query in [
                "offset=3", "limit=", "limit=201", "cursor=x", "cursor=1-2", "state=uploaded", "state=Done",
                "cursor=99999999999999999-\(failed)",
            ] {
                #expect(try await stack.host.get("/fetch?\(query)").problem == "bad-request", "\(query)")
            }
        }
    }

    /// A page looks at a thousand jobs at most, and says where to go on although it found none.
    @Test func aLongSearchGoesOnOnTheNextPage() async throws {
        try await withStack { stack in
            let first = try await stack.queued()
            for index in 0..<1100 {
                let id = RedisArgument(JobID.random().description)
                _ = try await stack.queue.pool.client.send([
                    "ZADD", "{msaas}:recent", RedisArgument("9\(1_000_000_000_000 + index)"), id,
                ])
                _ = try await stack.queue.pool.client.send([
                    "HSET", RedisArgument("{msaas}:job:\(id)"), "state", "done", "key", "k",
                ])
            }
            let page = try await stack.host.get("/fetch?state=queued").decoded(JobList.self)
            #expect(page.jobs.isEmpty)
            let next = try #require(page.next)
            let rest = try await stack.host.get("/fetch?state=queued&cursor=\(next)").decoded(JobList.self)
            #expect(rest.jobs.map(\.job) == [first] && rest.next == nil)
        }
    }

    /// A stream of events as it comes; what was heard is not heard again.
    private final class Listener {
        private let connection: RawConnection
        private var text = ""

        init(_ stack: Stack, from place: String? = nil) async throws {
            connection = try RawConnection(port: stack.host.port)
            let header = place.map { "Last-Event-ID: \($0)\r\n" } ?? ""
            try await connection.send("GET /fetch/events HTTP/1.1\r\nHost: localhost\r\n\(header)\r\n")
        }

        /// What comes up to `mark`, and then to the end of the event that it is in.
        func hear(_ mark: String) async throws -> String {
            while true {
                if let found = text.range(of: mark), let end = text[found.upperBound...].range(of: "\n\n") {
                    defer { text = String(text[end.upperBound...]) }
                    return String(text[..<end.upperBound])
                }
                text += try await connection.receive(until: "\n\n")
            }
        }
    }

    @Test func oneStreamTellsOfAllJobs() async throws {
        try await withStack(heartbeat: .milliseconds(200)) { stack in
            let before = try await stack.queued()
            let listener = try await Listener(stack)
            #expect(try await listener.hear("event: jobs").contains("\(before)"))

            let new = try await stack.queued()
            #expect(try await listener.hear("\"job\":\"\(new)\"").contains("event: job\n"))
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            #expect(claim.job.id == before)
            _ = try await listener.hear("\"state\":\"running\"")
            // Nothing happened to the other one, but it is the next one now.
            #expect(try await listener.hear("\"position\":1").contains("\(new)"))
            let manifest = try await stack.store(FetchTests.stems, for: claim.job)
            _ = try await stack.queue.seal(claim, manifest: manifest)
            _ = try await stack.queue.commit(claim, manifest: manifest)
            #expect(try await listener.hear("\"state\":\"done\"").contains("/drums.wav"))
            #expect(try await stack.host.send("DELETE", "/fetch/\(before)").status == 204)
            let removal = try await listener.hear("event: removed\n")
            #expect(removal.contains("data: {\"job\":\"\(before)\"}"))
            let place = try #require(removal.matches(of: /id: ([0-9]+-[0-9]+)/).last?.1)

            // Whoever comes back hears what was missed, and of nothing else.
            let third = try await stack.queued()
            let missed = try await Listener(stack, from: String(place)).hear("\"state\":\"queued\"")
            #expect(missed.contains("\(third)") && !missed.contains("event: jobs") && !missed.contains("\(new)"))
            // A place that the log does not have, or no longer.
            for lost in ["1-1", "18446744073709551615-0", "bogus"] {
                #expect(try await Listener(stack, from: lost).hear("data: ").contains("event: jobs"))
            }
        }
    }

    @Test func theStreamEndsAtItsAgeAndWithTheHost() async throws {
        try await withStack(streamAge: .seconds(1)) { stack in
            let response = try await stack.host.open("GET", "/fetch/events")
            let text = String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
            #expect(text.hasSuffix(": come again\nretry: 1000\n\n"))
        }
        try await withStack(configure: { $0.drainDelay = .seconds(3) }) { stack in
            let response = try await stack.host.open("GET", "/fetch/events")
            await stack.host.group.triggerGracefulShutdown()
            let text = String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
            #expect(text.contains(": the server restarts"))
        }
    }

    @Test func waitingEndsWithTheJob() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            let waiting = Task {
                try await stack.host.get("/fetch/\(id)", headers: ["Prefer": "respond-async, wait=50"])
            }
            try await eventually("it waits") {
                try await stack.host.get("/metrics").text.contains("http_requests_in_flight{function=\"fetch\"} 1\n")
            }
            try await stack.separate(FetchTests.stems)
            let reply = try await waiting.value
            #expect(reply.json["state"] == "done")
            #expect(reply.headers["Preference-Applied"] == "wait=50")
            // What has ended is not waited for, and what has not is told after the time.
            let done = try await stack.host.get("/fetch/\(id)", headers: ["Prefer": "wait=60"])
            #expect(done.json["state"] == "done")
            let other = try await stack.queued()
            let patient = try await stack.host.get("/fetch/\(other)", headers: ["Prefer": "wait=1"])
            #expect(patient.json["state"] == "queued")
            #expect(patient.headers["Preference-Applied"] == "wait=1")
            for prefer in ["wait=x", "handling=strict", "waiting=3", ""] {
                let reply = try await stack.host.get("/fetch/\(other)", headers: ["Prefer": prefer])
                #expect(reply.status == 200 && reply.headers["Preference-Applied"] == nil, "\(prefer)")
            }
            let long = try await stack.host.get("/fetch/\(id)", headers: ["Prefer": "wait=999999999"])
            #expect(long.headers["Preference-Applied"] == "wait=60")
        }
    }

    @Test func whatFailedIsTriedAgain() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            func retry(_ id: JobID) async throws -> Reply { try await stack.host.send("POST", "/fetch/\(id)/retry") }
            #expect(try await retry(id).problem == "conflict")
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            #expect(try await retry(id).problem == "conflict")
            _ = try await stack.queue.fail(claim, reason: "No.", retry: false)
            let reply = try await retry(id)
            #expect(reply.status == 202)
            #expect(reply.headers["Location"] == "/fetch/\(id)")
            #expect(try reply.decoded(JobStatus.self).state == .queued)
            try await stack.separate(FetchTests.stems)
            #expect(try await retry(id).json["detail"]?.contains("is done") == true)
            #expect(try await retry(.random()).status == 404)
            // What was refused stays so.
            let wrong = JobID.random()
            try await stack.put("\(wrong)/a.mp3", metadata: ["format": "x"])
            _ = try await stack.separatePost(Data("{\"bucket\":\"queue\",\"key\":\"\(wrong)/a.mp3\"}".utf8))
            let refused = try await retry(wrong)
            #expect(refused.problem == "conflict")
            #expect(refused.json["detail"]?.contains("format") == true)
        }
    }

    @Test func whoWaitsIsToldWhy() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            func reason() async throws -> String? {
                try await stack.host.get("/fetch/\(id)").decoded(JobStatus.self).reason
            }
            #expect(try await reason()?.contains("No worker runs at the moment") == true)
            let board = RedisAutoscalerBoard(queue: stack.queue)
            try await board.setControl(.pause)
            #expect(try await reason()?.contains("scaling is paused") == true)
            try await stack.queue.heartbeat(WorkerRecord(id: "w"))
            #expect(try await reason() == nil)
        }
    }

    /// A presigned address was given out, and its song has not come yet.
    @Test func aSongIsAwaited() async throws {
        try await withStack(notifies: true) { stack in
            let presigned = try await stack.host.send("POST", "/upload?presign=1&filename=a+b.mp3&format=flac")
                .decoded(PresignedUpload.self)
            #expect(Set(presigned.headers.keys) == ["Content-Type", "x-amz-meta-format"])
            let status = try await stack.host.get(presigned.links.status).decoded(JobStatus.self)
            #expect((status.state, status.filename) == (.awaitingUpload, "a b.mp3"))
            #expect(status.options?.format == .flac)
            let events = try await stack.host.open("GET", presigned.links.events)
            #expect(events.status == 200)
            let put = try await CurlTransport().send(
                HTTPRequest(
                    method: "PUT", url: presigned.url, headers: HTTPHeaders(presigned.headers.map { ($0, $1) }),
                    body: .bytes(UploadTests.song)))
            #expect(put.status == 200)
            try await stack.separate(FetchTests.stems)
            let text = String(decoding: try await events.body.collect(limit: 1 << 20), as: UTF8.self)
            #expect(text.contains("awaiting-upload") && text.contains("\"state\":\"done\""))
            #expect(try await stack.queue.recent(limit: 10).count == 1, "what lies beside the song is no song")
            #expect(try await stack.host.send("DELETE", presigned.links.status).status == 204)
            #expect(try await stack.isEmpty("queue"))

            let id = JobID.random()
            try await stack.storage.put(
                "queue", "\(id)/.awaited", body: .empty, metadata: ["filename": "a.mp3", "until": "1700000000"])
            #expect(try await stack.host.get("/fetch/\(id)").status == 404)
        }
    }
}
