import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ServiceContract
import Streams
import TestSupport
import Testing

/// What is whose: a key reaches its own jobs and no others, an admin's all.
@Suite struct OwnerTests {
    private let secrets = (alice: APIKey.makeSecret(), bob: APIKey.makeSecret(), admin: APIKey.makeSecret())

    private func ring(_ change: (inout APIKey) -> Void = { _ in }) throws -> KeyRing {
        var alice = try APIKey(name: "alice", secret: secrets.alice)
        change(&alice)
        var admin = try APIKey(name: "root", secret: secrets.admin)
        admin.isAdmin = true
        return KeyRing([alice, try APIKey(name: "bob", secret: secrets.bob), admin])
    }

    private static func send(
        _ stack: Stack, _ secret: String, _ method: String, _ path: String, body: HTTPBody = .empty
    ) async throws -> Reply {
        try await stack.host.send(method, path, headers: ["X-API-Key": secret], body: body)
    }

    /// A song at each station of its life: known to the bucket alone, waiting, done, done and forgotten by Redis.
    @Test func everyRouteRefusesTheForeignKey() async throws {
        let ring = try ring()
        try await withStack(notifies: true, keys: ring) { [secrets] stack in
            func upload() async throws -> String {
                let reply = try await Self.send(
                    stack, secrets.alice, "POST", "/upload?filename=a.mp3", body: .bytes(UploadTests.song))
                return try #require(reply.json["job"])
            }
            let done = try await upload()
            try await eventually("it is queued") { try await stack.job(done)?.state == .queued }
            #expect(try await stack.job(done)?.owner == "alice")
            try await stack.separate([("drums", Data("drums".utf8))])
            let waiting = try await upload()
            try await eventually("the other one is queued") { try await stack.job(waiting)?.state == .queued }
            for station in ["in Redis", "in the bucket alone"] {
                if station == "in the bucket alone" { _ = try await stack.queue.pool.client.send(["FLUSHALL"]) }
                for job in [done, waiting] {
                    for (method, path) in [
                        ("GET", "/fetch/\(job)"), ("HEAD", "/fetch/\(job)"), ("GET", "/fetch/\(job)/events"),
                        ("GET", "/fetch/\(job)/stems.zip"), ("HEAD", "/fetch/\(job)/stems.zip"),
                        ("GET", "/fetch/\(job)/drums"), ("HEAD", "/fetch/\(job)/drums"),
                        ("GET", "/fetch/\(job)/drums.mp3"), ("GET", "/fetch/\(job)/original.wav"),
                        ("GET", "/fetch/\(job)/peaks"), ("GET", "/fetch/\(job)/mix?track=drums"),
                        ("POST", "/fetch/\(job)/mix"), ("DELETE", "/fetch/\(job)"),
                    ] {
                        let reply = try await Self.send(stack, secrets.bob, method, path)
                        #expect(reply.status == 404, "\(station): \(method) \(path)")
                    }
                    #expect(try await Self.send(stack, secrets.alice, "GET", "/fetch/\(job)").status == 200)
                    #expect(try await Self.send(stack, secrets.admin, "GET", "/fetch/\(job)").status == 200)
                }
                #expect(try await Self.send(stack, secrets.alice, "GET", "/fetch/\(done)/drums").text == "drums")
            }
            let order = HTTPBody.bytes(Data(#"{"bucket":"queue","key":"\#(waiting)/a.mp3"}"#.utf8))
            let foreign = try await Self.send(stack, secrets.bob, "POST", "/separate", body: order)
            #expect(foreign.status == 404)
            #expect(try await stack.queue.depth().waiting == 0)
            let own = try await Self.send(stack, secrets.alice, "POST", "/separate", body: order)
            #expect(own.text.contains("\"queued\""), "\(own.text)")
            #expect(try await stack.job(waiting)?.owner == "alice")
            #expect(try await Self.send(stack, secrets.alice, "DELETE", "/fetch/\(done)").status == 204)
        }
    }

    @Test func listsShowOnesOwn() async throws {
        let ring = try ring()
        try await withStack(notifies: true, keys: ring) { [secrets] stack in
            for secret in [secrets.alice, secrets.bob] {
                _ = try await Self.send(stack, secret, "POST", "/upload", body: .bytes(UploadTests.song))
            }
            try await stack.put("direct.mp3")
            try await eventually("all are queued") { try await stack.queue.depth().waiting == 3 }
            func count(_ secret: String) async throws -> Int {
                let text = try await Self.send(stack, secret, "GET", "/fetch").text
                return text.components(separatedBy: "\"state\":\"queued\"").count - 1
            }
            #expect(try await count(secrets.alice) == 1)
            #expect(try await count(secrets.bob) == 1)
            #expect(try await count(secrets.admin) == 3)
        }
    }

    @Test func presignedSongsAreTheirs() async throws {
        let ring = try ring()
        try await withStack(notifies: true, keys: ring) { [secrets] stack in
            let reply = try await Self.send(stack, secrets.alice, "POST", "/upload?presign=1")
            struct Presigned: Decodable {
                var job: JobID
                var url: String
                var headers: [String: String]
            }
            let presigned = try reply.decoded(Presigned.self)
            func put(_ headers: [String: String]) async throws -> Int {
                try await CurlTransport().send(
                    HTTPRequest(
                        method: "PUT", url: presigned.url, headers: HTTPHeaders(headers.map { ($0, $1) }),
                        body: .bytes(UploadTests.song))
                ).status
            }
            var forged = presigned.headers
            forged["x-amz-meta-msaas-owner"] = "bob"
            #expect(try await put(forged) == 403)
            #expect(try await put(presigned.headers) == 200)
            try await eventually("it is queued") { try await stack.queue.job(presigned.job)?.owner == "alice" }
        }
    }

    /// A song of too many bytes is refused before it is stored, or before it waits where it came by another way; the rest of
    /// what a key allows travels with the job.
    @Test func whatAKeyAllowsItsSongsIsKept() async throws {
        let song = UploadTests.song
        let ring = try ring {
            $0.budget.songBytes = song.count
            $0.budget.workSeconds = 60
        }
        try await withStack(notifies: true, keys: ring) { [secrets] stack in
            let long = song + Data(count: 200_000)
            let known = try await Self.send(stack, secrets.alice, "POST", "/upload", body: .bytes(long))
            #expect((known.status, known.problem, known.json["limit"]) == (413, "body-too-large", "\(song.count)"))
            let unknown = try await Self.send(
                stack, secrets.alice, "POST", "/upload", body: .stream(ByteStream(long), length: nil))
            #expect((unknown.status, unknown.problem) == (413, "body-too-large"))
            #expect(try await stack.isEmpty("queue"))
            #expect(try await Self.send(stack, secrets.bob, "POST", "/upload", body: .bytes(long)).status == 202)
            let reply = try await Self.send(stack, secrets.alice, "POST", "/upload", body: .bytes(song))
            let id = try #require(reply.json["job"])
            try await eventually("it is queued") {
                try await stack.job(id)?.budget == ring.client(named: "alice")?.budget
            }
            let presigned = try await Self.send(stack, secrets.alice, "POST", "/upload?presign=1")
                .decoded(PresignedUpload.self)
            let put = try await CurlTransport().send(
                HTTPRequest(
                    method: "PUT", url: presigned.url, headers: HTTPHeaders(presigned.headers.map { ($0, $1) }),
                    body: .bytes(long)))
            #expect(put.status == 200)
            try await eventually("it has failed") { try await stack.queue.job(presigned.job)?.state == .failed }
            #expect(try await stack.queue.job(presigned.job)?.error?.contains("at most \(song.count) bytes") == true)
        }
    }

    @Test func quotasAreAnsweredBeforeTheBody() async throws {
        let limited = try ring { $0.quota.maxWaiting = 1 }
        try await withStack(notifies: true, keys: limited) { [secrets] stack in
            let song = HTTPBody.bytes(UploadTests.song)
            #expect(try await Self.send(stack, secrets.alice, "POST", "/upload", body: song).status == 202)
            try await eventually("it waits") { try await stack.queue.depth().waiting == 1 }
            let refused = try await Self.send(stack, secrets.alice, "POST", "/upload", body: song)
            #expect((refused.status, refused.problem) == (429, "over-quota"))
            #expect(refused.headers["Retry-After"].flatMap { Int($0) } ?? 0 >= 1)
            #expect(try await Self.send(stack, secrets.bob, "POST", "/upload", body: song).status == 202)
        }
        let small = try ring { $0.quota.bytesPerDay = 100 }
        try await withStack(keys: small) { [secrets] stack in
            let refused = try await Self.send(
                stack, secrets.alice, "POST", "/upload", body: .bytes(Data(count: 1000)))
            #expect(refused.problem == "over-quota")
            #expect(try await stack.isEmpty("queue"))
        }
    }
}
