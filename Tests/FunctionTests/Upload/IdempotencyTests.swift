import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceContract
import Streams
import TestSupport
import Testing

/// `Idempotency-Key`: however often a song is sent, it is one job; another song is another key's.
@Suite struct IdempotencyTests {
    private static let long = Data((0..<6_000_000).map { UInt8(truncatingIfNeeded: $0 &* 131) })

    private static func send(
        _ stack: Stack, _ key: String, _ body: HTTPBody, query: String = "filename=a.mp3", headers: HTTPHeaders = [:]
    ) async throws -> Reply {
        var headers = headers
        headers["Idempotency-Key"] = key
        return try await stack.host.send("POST", "/upload?\(query)", headers: headers, body: body)
    }

    /// Whichever way the song comes: of known length, of unknown length, in a form in one piece or in parts.
    @Test func theSameRequestIsTheSameJob() async throws {
        try await withStack(notifies: true) { stack async throws in
            let late = "--XX\r\nContent-Disposition: form-data; name=\"shifts\"\r\n\r\n3\r\n"
            let ways: [(String, @Sendable (Data) -> HTTPBody, HTTPHeaders)] = [
                ("raw", { .bytes($0) }, [:]),
                ("chunked", { .stream(ByteStream($0), length: nil) }, [:]),
                ("form", { UploadTests.form([("format", "flac")], file: $0) }, UploadTests.formType),
                ("late", { UploadTests.form([], file: $0, after: late) }, UploadTests.formType),
            ]
            for song in [UploadTests.song, Self.long] {
                for (name, body, headers) in ways {
                    let key = "\(name)-\(song.count)"
                    let first = try await Self.send(stack, key, body(song), headers: headers)
                    #expect(first.status == 202 && first.headers["Idempotency-Replayed"] == nil, "\(key)")
                    let again = try await Self.send(stack, key, body(song), headers: headers)
                    #expect(again.status == 202 && again.headers["Idempotency-Replayed"] == "true", "\(key)")
                    #expect(again.body == first.body && again.headers["Location"] == first.headers["Location"])
                    // One byte, one option, one name, one byte fewer.
                    var other = song
                    other[other.count - 1] ^= 1
                    for (reply, what) in [
                        (try await Self.send(stack, key, body(other), headers: headers), "byte"),
                        (try await Self.send(stack, key, body(song.dropLast()), headers: headers), "length"),
                        (
                            try await Self.send(
                                stack, key, body(song), query: "filename=a.mp3&overlap=0.5", headers: headers),
                            "option"
                        ),
                        (
                            try await Self.send(stack, key, body(song), query: "filename=b.mp3", headers: headers),
                            "name"
                        ),
                    ] { #expect((reply.status, reply.problem) == (422, "idempotency-conflict"), "\(key): \(what)") }
                }
            }
            try await eventually("all are queued") { try await stack.queue.depth().waiting == 8 }
            #expect(try await stack.keys("queue").filter { $0.hasSuffix("a.mp3") }.count == 8)
        }
    }

    @Test func keysAreTheirOwners() async throws {
        let (alice, bob) = (APIKey.makeSecret(), APIKey.makeSecret())
        let ring = KeyRing([try APIKey(name: "alice", secret: alice), try APIKey(name: "bob", secret: bob)])
        try await withStack(keys: ring) { stack async throws in
            let song = HTTPBody.bytes(UploadTests.song)
            let first = try await Self.send(stack, "1", song, headers: ["X-API-Key": alice])
            let other = try await Self.send(stack, "1", song, headers: ["X-API-Key": bob])
            #expect((first.status, other.status) == (202, 202))
            #expect(other.headers["Idempotency-Replayed"] == nil)
            #expect(first.json["job"] != other.json["job"])
            let quoted = try await Self.send(stack, "\"1\"", song, headers: ["X-API-Key": alice])
            #expect(quoted.json["job"] == first.json["job"])
        }
    }

    /// Many at once: one is stored, the others are told to come again or that it is there.
    @Test func requestsAtOnceMakeOneJob() async throws {
        try await withStack(notifies: true) { stack async throws in
            let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                for _ in 0..<8 { group.addTask { try await Self.send(stack, "at once", .bytes(UploadTests.song)) } }
                return try await group.reduce(into: [Reply]()) { $0.append($1) }
            }
            #expect(
                replies.allSatisfy { $0.status == 202 || $0.problem == "conflict" && $0.headers["Retry-After"] == "1" })
            let stored = replies.filter { $0.status == 202 && $0.headers["Idempotency-Replayed"] == nil }
            #expect(stored.count == 1)
            #expect(Set(replies.compactMap { $0.json["job"] }).count == 1)
            let again = try await Self.send(stack, "at once", .bytes(UploadTests.song))
            #expect(again.headers["Idempotency-Replayed"] == "true")
            try await eventually("it is queued") { try await stack.queue.depth().waiting == 1 }
        }
    }

    /// What broke off was not stored, so the same key does it anew; and a host that died before the receipt left the song.
    @Test func whatBrokeOffIsSentAgain() async throws {
        try await withStack { stack async throws in
            let connection = try RawConnection(port: stack.host.port)
            try await connection.send(
                "POST /upload?filename=a.mp3 HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: cut\r\n"
                    + "Content-Length: 300000\r\n\r\nabc")
            connection.reset()
            try await eventually("it has ended") {
                try await stack.host.get("/metrics").text.contains("http_requests_in_flight{function=\"upload\"} 0\n")
            }
            let whole = try await Self.send(stack, "cut", .bytes(UploadTests.song))
            #expect(whole.status == 202 && whole.headers["Idempotency-Replayed"] == nil)
            let job = try #require(whole.json["job"])
            try await stack.storage.delete("queue", "\(job)/.receipt")
            let again = try await Self.send(stack, "cut", .bytes(UploadTests.song))
            #expect(again.headers["Idempotency-Replayed"] == "true")
            #expect(try await Self.send(stack, "cut", .bytes(UploadTests.song + Data([1]))).status == 422)
            // Removed with its job, and then a new one.
            #expect(try await stack.host.send("DELETE", "/fetch/\(job)").status == 204)
            #expect(try await stack.isEmpty("queue"))
            let new = try await Self.send(stack, "cut", .bytes(UploadTests.song))
            #expect(new.status == 202 && new.headers["Idempotency-Replayed"] == nil)
        }
    }

    @Test func keysArePlain() async throws {
        try await withStack { stack async throws in
            for key in ["\"\"", String(repeating: "k", count: 256)] {
                #expect(try await Self.send(stack, key, .bytes(UploadTests.song)).problem == "bad-request")
            }
            #expect(try await stack.isEmpty("queue"))
        }
    }
}
