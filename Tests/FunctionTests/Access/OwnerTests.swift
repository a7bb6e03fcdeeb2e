import FetchFunction
import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ServiceContract
import Streams
import TestSupport
import Testing
import Yams

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
            let routes = try Self.routesOfJobs()
            let ways = try await Self.waysOfBob(stack, secrets.bob)
            try await eventually("the other one is queued") { try await stack.job(waiting)?.state == .queued }
            for station in ["in Redis", "in the bucket alone"] {
                if station == "in the bucket alone" { _ = try await stack.queue.pool.client.send(["FLUSHALL"]) }
                for job in [done, waiting] {
                    for route in routes {
                        for (way, credentials) in ways {
                            let reply = try await stack.host.send(
                                route.method, route.path(job) + (credentials.link.map { "?token=\($0)" } ?? ""),
                                headers: credentials.headers, body: route.body)
                            // A link is no key: what it is not for wants one.
                            let isKeyless = credentials.link != nil && credentials.headers["X-API-Key"] == nil
                            let expected = isKeyless && !route.isShared ? 401 : 404
                            #expect(reply.status == expected, "\(station): \(way): \(route.method) \(route.path(job))")
                        }
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

    /// A route of the document that leads to one job.
    private struct JobRoute: Sendable {
        var method: String
        var template: String
        var isShared: Bool

        func path(_ job: String) -> String {
            template.replacing("{job}", with: job).replacing("{stem}", with: "drums")
        }

        var body: HTTPBody { method == "POST" ? .bytes(Data("{}".utf8)) : .empty }
    }

    /// All routes of `openapi.yaml` that lead to one job; a new one is among them by itself.
    private static func routesOfJobs() throws -> [JobRoute] {
        let document = try #require(try Yams.compose(yaml: String(decoding: ServiceDescription.openAPI, as: UTF8.self)))
        let shared = try FunctionManifest(yaml: FetchFunction.manifest).routes
        let methods: Set = ["get", "head", "post", "put", "patch", "delete"]
        let routes = try #require(document["paths"]?.mapping).flatMap { path, item in
            (item.mapping?.keys.compactMap(\.string) ?? []).filter(methods.contains).map { method in
                let (path, method) = (path.string ?? "", method.uppercased())
                let isShared = shared.contains { $0.path.description == path && $0.shared.contains(method) }
                return JobRoute(method: method, template: path, isShared: isShared)
            }
        }.filter { $0.template.contains("{job}") }
        #expect(routes.count >= 10)
        return routes
    }

    private struct Credentials: Sendable {
        var headers: HTTPHeaders = [:]
        var link: String?
    }

    /// Everything that Bob can show: his key, his session, a link to a job of his own, and links that he makes up.
    private static func waysOfBob(_ stack: Stack, _ secret: String) async throws -> [(String, Credentials)] {
        let key: HTTPHeaders = ["X-API-Key": secret]
        let opened = try await stack.host.send(
            "POST", "/session", headers: ["Content-Type": "application/json"],
            body: .bytes(Data(#"{"key":"\#(secret)"}"#.utf8)))
        let cookie = String(try #require(opened.headers["Set-Cookie"]).prefix { $0 != ";" })
        let csrf = try await stack.host.get("/session", headers: ["Cookie": cookie]).decoded(SessionStatus.self).csrf
        let own = try #require(
            try await stack.host.send("POST", "/upload?presign=1", headers: key).json["job"])
        let link = try await stack.host.send("POST", "/fetch/\(own)/share", headers: key).decoded(SharedLink.self).token
        let made = TokenSigner().shareToken(of: .random(), by: .anybody, until: .distantFuture)
        return [
            ("key", Credentials(headers: key)),
            ("session", Credentials(headers: ["Cookie": cookie, "X-CSRF-Token": csrf ?? ""])),
            ("link", Credentials(link: link)), ("link and key", Credentials(headers: key, link: link)),
            ("made up", Credentials(link: made)),
        ]
    }

    /// No list and no stream names another's job, whatever is asked.
    @Test func nothingTellsOfAnothersJobs() async throws {
        let ring = try ring()
        try await withStack(notifies: true, heartbeat: .milliseconds(100), streamAge: .seconds(2), keys: ring) {
            [secrets] stack in
            async let stream = Self.send(stack, secrets.bob, "GET", "/fetch/events")
            async let replayed = stack.host.get(
                "/fetch/events", headers: ["X-API-Key": secrets.bob, "Last-Event-ID": "0-0"])
            let reply = try await Self.send(
                stack, secrets.alice, "POST", "/upload?filename=a.mp3", body: .bytes(UploadTests.song))
            let job = try #require(reply.json["job"])
            let own = try await Self.send(stack, secrets.bob, "POST", "/upload", body: .bytes(UploadTests.song))
            let bobs = try #require(own.json["job"])
            try await eventually("both are queued") { try await stack.queue.depth().waiting == 2 }
            for path in ["/fetch", "/fetch?limit=200", "/fetch?state=queued", "/fetch?key=\(job)/a.mp3"] {
                let list = try await Self.send(stack, secrets.bob, "GET", path)
                #expect(list.status == 200 && !list.text.contains(job), "\(path)")
            }
            let cursor = try await Self.send(stack, secrets.alice, "GET", "/fetch?limit=1").decoded(JobList.self).next
            let page = try await Self.send(stack, secrets.bob, "GET", "/fetch?cursor=\(cursor ?? "9-\(job)")")
            #expect(!page.text.contains("a.mp3"))
            #expect(try await Self.send(stack, secrets.alice, "DELETE", "/fetch/\(job)").status == 204)
            for text in [try await stream.text, try await replayed.text] {
                #expect(text.contains(bobs) && !text.contains(job))
            }
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
