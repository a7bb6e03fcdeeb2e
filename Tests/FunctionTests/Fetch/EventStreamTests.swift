import Foundation
import HTTPTransport
import Jobs
import ServiceContract
import TestSupport
import Testing

@Suite struct EventStreamTests {
    /// One message of a stream; comments have no fields.
    struct Message {
        var event: String?
        var id: String?
        var data: String?
    }

    static func messages(_ text: String) -> [Message] {
        text.components(separatedBy: "\n\n").filter { !$0.isEmpty }.map { block in
            var message = Message()
            for line in block.split(separator: "\n") where !line.hasPrefix(":") {
                let pair = line.split(separator: ": ", maxSplits: 1).map(String.init)
                switch pair.first {
                case "event": message.event = pair.last
                case "id": message.id = pair.last
                case "data": message.data = pair.last
                default: break
                }
            }
            return message
        }
    }

    @Test func aJobIsFollowedToItsEnd() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            let response = try await stack.host.open("GET", "/fetch/\(id)/events")
            #expect(response.status == 200)
            #expect(response.headers["Content-Type"] == "text/event-stream")
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            _ = try await stack.queue.report(claim, progress: 0.5, audioSeconds: 10)
            let manifest = try await stack.store(FetchTests.stems, for: claim.job)
            _ = try await stack.queue.seal(claim, manifest: manifest)
            _ = try await stack.queue.commit(claim, manifest: manifest)
            let text = String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
            let messages = Self.messages(text)
            #expect(messages.first?.event == "state")
            #expect(messages.first?.data?.contains("\"state\":\"queued\"") == true)
            #expect(messages.contains { $0.event == "progress" && $0.data == "{\"progress\":0.5}" })
            #expect(messages.last?.data?.contains("\"state\":\"done\"") == true)
            #expect(messages.last?.data?.contains("/drums.wav") == true)

            let last = try #require(messages.last?.id)
            let again = try await stack.host.get("/fetch/\(id)/events", headers: ["Last-Event-ID": last])
            #expect(again.status == 204, "nothing was missed")
            let first = try #require(messages.first?.id)
            let missed = try await stack.host.get("/fetch/\(id)/events", headers: ["Last-Event-ID": first])
            #expect(missed.status == 200)
            #expect(Self.messages(missed.text).last?.data?.contains("\"state\":\"done\"") == true)
        }
    }

    @Test func uploadedSongsAreFollowedBeforeTheyAreQueued() async throws {
        try await withStack { stack in
            let id = JobID.random()
            try await stack.put("\(id)/song.mp3")
            let response = try await stack.host.open("GET", "/fetch/\(id)/events")
            _ = try await stack.separatePost(Data("{\"bucket\":\"queue\",\"key\":\"\(id)/song.mp3\"}".utf8))
            try await stack.separate(FetchTests.stems)
            let text = String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
            #expect(Self.messages(text).first?.data?.contains("\"state\":\"uploaded\"") == true)
            #expect(Self.messages(text).last?.data?.contains("\"state\":\"done\"") == true)
        }
    }

    @Test func silenceIsFilledAndRemovalEndsTheStream() async throws {
        try await withStack(heartbeat: .milliseconds(100)) { stack in
            let id = try await stack.queued()
            let connection = try RawConnection(port: stack.host.port)
            try await connection.send("GET /fetch/\(id)/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            _ = try await connection.receive(until: ": heartbeat")
            try await stack.storage.delete("queue", "\(id)/song.mp3")
            try await stack.queue.remove(id)
            #expect(try await connection.receive(until: "0\r\n\r\n").contains("event: removed"))
        }
    }

    /// The log may be lost or cut short; the job's own state ends the stream all the same.
    @Test func theStreamEndsThoughTheLogIsLost() async throws {
        try await withStack(heartbeat: .milliseconds(100)) { stack in
            let id = try await stack.queued()
            let response = try await stack.host.open("GET", "/fetch/\(id)/events")
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            _ = try await stack.queue.fail(claim, reason: "No.", retry: false)
            _ = try await stack.queue.pool.client.send(["DEL", "{msaas}:events"])
            let text = String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
            #expect(text.contains("\"state\":\"failed\""))
        }
    }

    /// A place that lies ahead of the log is nobody's: the client hears what happens, and how the job ended.
    @Test(arguments: ["18446744073709551615-18446744073709551615", "-1", "0-0", "bogus"])
    func madeUpPlacesHideNothing(_ place: String) async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            let connection = try RawConnection(port: stack.host.port)
            try await connection.send(
                "GET /fetch/\(id)/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: \(place)\r\n\r\n")
            _ = try await connection.receive(until: "event: state")
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            _ = try await stack.queue.report(claim, progress: 0.5, audioSeconds: 10)
            _ = try await connection.receive(until: "event: progress")
            _ = try await stack.queue.fail(claim, reason: "No.", retry: false)
            #expect(try await connection.receive(until: "0\r\n\r\n").contains("\"state\":\"failed\""))
            let again = try await stack.host.get("/fetch/\(id)/events", headers: ["Last-Event-ID": place])
            #expect(again.status == 200)
        }
    }

    @Test func streamsEndAtTheirAge() async throws {
        try await withStack(streamAge: .seconds(1)) { stack in
            let id = try await stack.queued()
            let response = try await stack.host.open("GET", "/fetch/\(id)/events")
            let text = String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
            #expect(text.hasSuffix(": come again\nretry: 1000\n\n"))
            #expect(Self.messages(text).first?.event == "state")
        }
    }

    @Test func clientsThatLeaveAreForgotten() async throws {
        try await withStack(heartbeat: .milliseconds(50)) { stack in
            let id = try await stack.queued()
            let connection = try RawConnection(port: stack.host.port)
            try await connection.send("GET /fetch/\(id)/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            _ = try await connection.receive(until: "event: state")
            connection.reset()
            try await eventually("the stream has ended") {
                try await stack.host.get("/metrics").text.contains("http_requests_in_flight{function=\"fetch\"} 0\n")
            }
        }
    }

    @Test func streamsEndWhenTheHostDoes() async throws {
        try await withStack(configure: { $0.drainDelay = .seconds(3) }) { stack in
            let id = try await stack.queued()
            let response = try await stack.host.open("GET", "/fetch/\(id)/events")
            await stack.host.group.triggerGracefulShutdown()
            let text = String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
            #expect(text.contains("retry: 1000"))
        }
    }
}
