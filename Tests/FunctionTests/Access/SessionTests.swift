import EnvironmentSettings
import Foundation
import FunctionHost
import HTTPTransport
import ServiceContract
import TestSupport
import Testing

/// Browsers: a key is exchanged for a cookie, which other pages can neither read nor use.
@Suite struct SessionTests {
    private let secret = APIKey.makeSecret()

    private func ring() throws -> KeyRing { KeyRing([try APIKey(name: "studio", secret: secret)]) }

    private static func open(
        _ host: RunningHost, _ key: String, headers: HTTPHeaders = ["Content-Type": "application/json"]
    ) async throws -> Reply {
        try await host.send("POST", "/session", headers: headers, body: .bytes(Data(#"{"key":"\#(key)"}"#.utf8)))
    }

    private static func cookie(_ reply: Reply) throws -> String {
        let field = try #require(reply.headers["Set-Cookie"])
        return String(field.prefix { $0 != ";" })
    }

    @Test func aSessionDoesWhatItsKeyDoes() async throws {
        let ring = try ring()
        try await withHost([EchoFunction()], configure: { $0.keys = ring }) { [secret] host in
            #expect(try await host.get("/session").problem == "unauthorized")
            let opened = try await Self.open(host, secret)
            #expect(opened.status == 204 && opened.body.isEmpty)
            let field = try #require(opened.headers["Set-Cookie"])
            #expect(field.hasSuffix("; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800"))
            #expect(!field.contains(secret) && !field.contains("studio"))
            let cookie = try Self.cookie(opened)
            #expect(try await host.get("/echo", headers: ["Cookie": "a=b; \(cookie); c=d"]).status == 200)
            let status = try await host.get("/session", headers: ["Cookie": cookie]).decoded(SessionStatus.self)
            #expect((status.open, status.owner, status.admin) == (false, "studio", false))

            // What changes something wants the second word; reading does not.
            let csrf = try #require(status.csrf)
            for (token, expected) in [(nil, 403), ("x", 403), (String(csrf.dropLast()), 403), (csrf, 200)] {
                var headers: HTTPHeaders = ["Cookie": cookie]
                if let token { headers["X-CSRF-Token"] = token }
                let reply = try await host.send("POST", "/echo", headers: headers)
                #expect(reply.status == expected)
                if expected == 403 { #expect(reply.problem == "csrf-token") }
            }
            // The word belongs to the session: another one's is no good.
            let other = try Self.cookie(try await Self.open(host, secret))
            if other != cookie {
                let reply = try await host.send("POST", "/echo", headers: ["Cookie": other, "X-CSRF-Token": csrf])
                #expect(reply.status == 403)
            }
            // A wrong key beside it is no session, and a key needs no word.
            let wrong = try await host.get("/echo", headers: ["Cookie": cookie, "X-API-Key": "x"])
            #expect(wrong.status == 401)
            #expect(
                try await host.send("POST", "/echo", headers: ["Cookie": cookie, "X-API-Key": secret]).status == 200)
            let closed = try await host.send("DELETE", "/session", headers: ["Cookie": cookie])
            #expect(closed.status == 204)
            #expect(closed.headers["Set-Cookie"]?.contains("msaas_session=; ") == true)
            #expect(closed.headers["Set-Cookie"]?.contains("Max-Age=0") == true)
        }
    }

    @Test func whatIsNoKeyOpensNothing() async throws {
        let ring = try ring()
        try await withHost([EchoFunction()], configure: { $0.keys = ring }) { [secret] host in
            let wrong = try await Self.open(host, "msaas_0")
            #expect(wrong.problem == "unauthorized")
            #expect(wrong.headers["Set-Cookie"] == nil)
            // A page of elsewhere can send any bytes, but only with the types of forms.
            for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
                let reply = try await Self.open(host, secret, headers: ["Content-Type": type])
                #expect(reply.problem == "bad-request" && reply.headers["Set-Cookie"] == nil)
            }
            let long = try await host.send(
                "POST", "/session", headers: ["Content-Type": "application/json"], body: .bytes(Data(count: 5000)))
            #expect(long.problem == "body-too-large")
            #expect(try await host.send("PUT", "/session").problem == "method-not-allowed")
            let junk = ["", "msaas_session", "msaas_session=", "msaas_session=1.2.3", "msaas_session=9999999999.0.0"]
            for cookie in junk {
                #expect(try await host.get("/echo", headers: ["Cookie": cookie]).status == 401, "\(cookie)")
            }
        }
    }

    /// It ends with its key, whether that is taken away or replaced, and with its time.
    @Test func sessionsEnd() async throws {
        let folder = try TemporaryDirectory()
        let file = folder.path + "/keys.yaml"
        let signer = TokenSigner(secret: Stack.signingSecret)
        let first = try APIKey(name: "studio", secret: secret)
        try first.entry.write(toFile: file, atomically: true, encoding: .utf8)
        let ring = try KeyRing(file: file)
        let other = APIKey.makeSecret()
        try await withHost([EchoFunction()], configure: { ($0.keys, $0.signer) = (ring, signer) }) { [secret] host in
            let cookie = try Self.cookie(try await Self.open(host, secret))
            #expect(try await host.get("/echo", headers: ["Cookie": cookie]).status == 200)
            // Another host of the same service knows it; one with another secret does not.
            let twin: @Sendable (TokenSigner) async throws -> Int = { signer in
                try await withHost([EchoFunction()], configure: { ($0.keys, $0.signer) = (ring, signer) }) { host in
                    try await host.get("/echo", headers: ["Cookie": cookie]).status
                }
            }
            #expect(try await twin(TokenSigner(secret: Stack.signingSecret)) == 200)
            #expect(try await twin(TokenSigner()) == 401)

            try APIKey(name: "studio", secret: other).entry.write(toFile: file, atomically: true, encoding: .utf8)
            _ = try ring.reload()
            #expect(try await host.get("/echo", headers: ["Cookie": cookie]).status == 401)
            let new = try Self.cookie(try await Self.open(host, other))
            #expect(try await host.get("/echo", headers: ["Cookie": new]).status == 200)
            try "[]".write(toFile: file, atomically: true, encoding: .utf8)
            _ = try ring.reload()
            let ended = try await host.get("/echo", headers: ["Cookie": new])
            #expect(ended.status == 401)
            #expect(ended.json["detail"]?.contains("session has ended") == true)
        }
    }

    @Test func anOpenHostAsksForNothing() async throws {
        try await withHost([EchoFunction()]) { host in
            let status = try await host.get("/session").decoded(SessionStatus.self)
            #expect((status.open, status.owner, status.admin, status.csrf) == (true, nil, false, nil))
            let opened = try await Self.open(host, "anything")
            #expect(opened.status == 204 && opened.headers["Set-Cookie"] == nil)
            #expect(try await host.send("POST", "/echo").status == 200)
            let foreign = try await host.get("/session", headers: ["Origin": "https://evil.example"])
            #expect(foreign.problem == "foreign-origin")
        }
    }

    @Test func cookiesAreForTLSWhereThereIsTLS() async throws {
        let ring = try ring()
        try await withHost([EchoFunction()], configure: { $0.keys = ring }) { [secret] host in
            let behind = try await Self.open(
                host, secret, headers: ["Content-Type": "application/json", "X-Forwarded-Proto": "https"])
            #expect(behind.headers["Set-Cookie"]?.hasSuffix("; Secure") == true)
        }
        let authority = try await Authority(name: "IP:127.0.0.1")
        try await withHost(
            [EchoFunction()],
            configure: {
                $0.keys = ring
                $0.certificate = (authority.certificate, authority.key)
            }
        ) { [secret] host in
            let reply = try await CurlTransport().send(
                HTTPRequest(
                    method: "POST", url: "https://127.0.0.1:\(host.port)/session",
                    headers: ["Content-Type": "application/json"], body: .bytes(Data(#"{"key":"\#(secret)"}"#.utf8)),
                    tls: TLSOptions(trust: .file(authority.certificate))))
            #expect(reply.headers["Set-Cookie"]?.hasSuffix("; Secure") == true)
        }
    }

    @Test func triesAreCounted() async throws {
        let ring = try ring()
        try await withHost(
            [EchoFunction()],
            configure: {
                $0.keys = ring
                $0.rate = Rate("2/h")
            }
        ) { host in
            var statuses: [Int] = []
            for _ in 0..<3 { statuses.append(try await Self.open(host, "x").status) }
            #expect(statuses == [401, 401, 429])
        }
    }

    @Test func aSecretIsLongEnough() throws {
        #expect(try SigningSettings.reading([:]).secret == nil)
        let error = #expect(throws: ConfigurationError.self) {
            try HostConfiguration(environment: ["MSAAS_SIGNING_SECRET": "short"])
        }
        #expect(error?.description.contains("short") == false)
        #expect(error?.description.contains("32 random characters") == true)
    }
}
