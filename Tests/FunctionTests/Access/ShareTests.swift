import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ServiceContract
import TestSupport
import Testing

/// Share links: whoever has one sees its job and hears its stems, and nothing else.
@Suite struct ShareTests {
    private let secrets = (alice: APIKey.makeSecret(), bob: APIKey.makeSecret())

    private func ring() throws -> KeyRing {
        KeyRing([try APIKey(name: "alice", secret: secrets.alice), try APIKey(name: "bob", secret: secrets.bob)])
    }

    private static func done(_ stack: Stack, _ secret: String?) async throws -> String {
        let headers: HTTPHeaders = secret.map { ["X-API-Key": $0] } ?? [:]
        let reply = try await stack.host.send(
            "POST", "/upload?filename=a.mp3", headers: headers, body: .bytes(UploadTests.song))
        let job = try #require(reply.json["job"])
        try await eventually("it is queued") { try await stack.job(job)?.state == .queued }
        try await stack.separate([("drums", Data("drums".utf8))])
        return job
    }

    private static func share(
        _ stack: Stack, _ job: String, _ secret: String?, _ body: String = ""
    ) async throws -> Reply {
        try await stack.host.send(
            "POST", "/fetch/\(job)/share", headers: secret.map { ["X-API-Key": $0] } ?? [:],
            body: .bytes(Data(body.utf8)))
    }

    @Test func aLinkShowsOneJobAndChangesNothing() async throws {
        let ring = try ring()
        try await withStack(notifies: true, keys: ring) { [secrets] stack in
            let (job, other) = (try await Self.done(stack, secrets.alice), try await Self.done(stack, secrets.alice))
            #expect(try await Self.share(stack, job, secrets.bob).status == 404)
            let reply = try await Self.share(stack, job, secrets.alice, #"{"days": 30}"#)
            #expect(reply.status == 201)
            let link = try reply.decoded(SharedLink.self)
            #expect(link.url == "/?song=\(job)&token=\(link.token)")
            #expect(abs(link.expiresAt.timeIntervalSinceNow - 30 * 86_400) < 60)
            #expect(!link.token.contains("alice"))

            let status = try await stack.host.get("/fetch/\(job)?token=\(link.token)")
            #expect(status.status == 200)
            #expect(status.json["key"] == nil && status.json["bucket"] == nil)
            #expect(try await stack.host.get("/fetch/\(job)/drums?token=\(link.token)").text == "drums")
            #expect(try await stack.host.get("/fetch/\(job)/stems.zip?token=\(link.token)").status == 200)
            #expect(
                try await stack.host.get("/fetch/\(job)/events?token=\(link.token)").text.contains("event: state"))
            // It is for nothing else.
            for (method, path, expected) in [
                ("DELETE", "/fetch/\(job)", 401), ("POST", "/fetch/\(job)/retry", 401),
                ("POST", "/fetch/\(job)/share", 401), ("GET", "/fetch", 401), ("GET", "/fetch/events", 401),
                ("POST", "/upload", 401), ("GET", "/fetch/\(other)", 404), ("GET", "/fetch/\(other)/drums", 404),
                ("GET", "/fetch/\(JobID.random())", 404),
            ] {
                let reply = try await stack.host.send(method, "\(path)?token=\(link.token)")
                #expect(reply.status == expected, "\(method) \(path)")
            }
            // A token alone counts, also beside a key that may see the job.
            let forged = try await stack.host.get("/fetch/\(job)?token=1.2.3", headers: ["X-API-Key": secrets.alice])
            #expect(forged.problem == "not-found")
        }
    }

    /// Every change of a link's letters makes it a stranger's; one whose time is over says so.
    @Test func linksAreNotMadeUpAndEnd() async throws {
        let ring = try ring()
        let signer = TokenSigner(secret: Stack.signingSecret)
        try await withStack(notifies: true, keys: ring) { [secrets] stack in
            let job = try await Self.done(stack, secrets.alice)
            let token = try await Self.share(stack, job, secrets.alice).decoded(SharedLink.self).token
            for index in token.indices {
                var changed = token
                changed.replaceSubrange(index...index, with: token[index] == "1" ? "2" : "1")
                let reply = try await stack.host.get("/fetch/\(job)?token=\(changed)")
                #expect(reply.problem == "not-found", "\(changed)")
            }
            let alice = try #require(ring.client(named: "alice"))
            let id = try #require(JobID(job))
            let old = signer.shareToken(of: id, by: .key(alice), until: Date(timeIntervalSinceNow: -1))
            let expired = try await stack.host.get("/fetch/\(job)?token=\(old)")
            #expect((expired.status, expired.problem) == (401, "link-expired"))
            #expect(expired.headers["WWW-Authenticate"] == "Bearer")
            // A session's token is no link, and one of an open host is none where there are keys.
            let nobodys = signer.shareToken(of: id, by: .anybody, until: .distantFuture)
            #expect(try await stack.host.get("/fetch/\(job)?token=\(nobodys)").problem == "not-found")
            for body in [#"{"days":0}"#, #"{"days":31}"#, #"{"days":"7"}"#, "[]", "x", #"{"days":1.5}"#] {
                #expect(try await Self.share(stack, job, secrets.alice, body).problem == "bad-request", "\(body)")
            }
        }
    }

    @Test func linksEndWithTheKeyThatMadeThem() async throws {
        let folder = try TemporaryDirectory()
        let file = folder.path + "/keys.yaml"
        let alice = try APIKey(name: "alice", secret: secrets.alice)
        try alice.entry.write(toFile: file, atomically: true, encoding: .utf8)
        let ring = try KeyRing(file: file)
        try await withStack(notifies: true, keys: ring) { [secrets] stack in
            let job = try await Self.done(stack, secrets.alice)
            let token = try await Self.share(stack, job, secrets.alice).decoded(SharedLink.self).token
            #expect(try await stack.host.get("/fetch/\(job)?token=\(token)").status == 200)
            try APIKey(name: "alice", secret: secrets.bob).entry.write(toFile: file, atomically: true, encoding: .utf8)
            _ = try ring.reload()
            #expect(try await stack.host.get("/fetch/\(job)?token=\(token)").problem == "not-found")
        }
    }

    @Test func anOpenHostSharesAsWell() async throws {
        try await withStack(notifies: true) { stack in
            let job = try await Self.done(stack, nil)
            let token = try await Self.share(stack, job, nil).decoded(SharedLink.self).token
            #expect(try await stack.host.get("/fetch/\(job)?token=\(token)").status == 200)
            #expect(try await stack.host.get("/fetch/\(job)?token=\(token)0").problem == "not-found")
            let foreign = try await stack.host.get(
                "/fetch/\(job)?token=\(token)", headers: ["Origin": "https://evil.example"])
            #expect(foreign.problem == "foreign-origin")
        }
    }
}
