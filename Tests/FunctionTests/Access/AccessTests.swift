import EnvironmentSettings
import Foundation
import FunctionHost
import HTTPTransport
import TestSupport
import Testing

@Suite struct AccessTests {
    private let secret = APIKey.makeSecret()

    private func ring(_ rate: String? = nil) throws -> KeyRing {
        KeyRing([try APIKey(name: "studio", secret: secret, rate: rate.flatMap { Rate($0) })])
    }

    @Test func keysAreDemandedWhereThereAreKeys() async throws {
        let ring = try ring()
        try await withHost([EchoFunction()], configure: { $0.keys = ring }) { [secret] host in
            let without = try await host.get("/echo")
            #expect(without.status == 401)
            #expect(without.problem == "unauthorized")
            #expect(without.headers["WWW-Authenticate"] == "Bearer")
            for headers: HTTPHeaders in [
                ["Authorization": "Bearer x"], ["Authorization": secret], ["Authorization": "Basic \(secret)"],
                ["X-API-Key": ""], ["X-API-Key": "\(secret)x"],
            ] {
                let reply = try await host.get("/echo", headers: headers)
                #expect(reply.status == 401)
                #expect(!reply.text.contains(secret))
            }
            for headers: HTTPHeaders in [
                ["Authorization": "Bearer \(secret)"], ["Authorization": "bearer  \(secret)"], ["X-API-Key": secret],
            ] { #expect(try await host.get("/echo", headers: headers).status == 200) }
            #expect(try await host.send("POST", "/echo", body: .bytes(.init(count: 100_000))).status == 401)
            for path in ["/healthz", "/readyz", "/metrics", "/"] { #expect(try await host.get(path).status == 200) }
            try await eventually("the client's name is logged, and not its key") {
                host.log.lines.contains { $0.contains("\"key\":\"studio\"") }
            }
            #expect(!host.log.lines.contains { $0.contains(secret) })
        }
    }

    @Test func eachClientHasItsOwnRate() async throws {
        let ring = try ring("3/h")
        try await withHost(
            [EchoFunction()],
            configure: {
                $0.keys = ring
                $0.rate = Rate("2/h")
            }
        ) { [secret] host in
            let key: HTTPHeaders = ["X-API-Key": secret]
            for left in [2, 1, 0] {
                let answer = try await host.get("/echo", headers: key)
                #expect(answer.status == 200)
                #expect(answer.headers["RateLimit-Policy"] == "\"requests\";q=3;w=3600")
                #expect(answer.headers["RateLimit"]?.hasPrefix("\"requests\";r=\(left);t=") == true)
            }
            let refused = try await host.get("/echo", headers: key)
            #expect(refused.headers["RateLimit"]?.hasPrefix("\"requests\";r=0;t=") == true)
            #expect(refused.status == 429)
            #expect(refused.problem == "rate-limited")
            let pause = try #require(refused.headers["Retry-After"].flatMap { Int($0) })
            #expect((1...1200).contains(pause))
            // Those without a key are counted by their address.
            #expect(try await host.get("/echo").status == 401)
            #expect(try await host.get("/echo").status == 401)
            #expect(try await host.get("/echo").status == 429)
            #expect(try await host.get("/healthz").status == 200)
        }
    }

    @Test func addressesAreTakenFromTrustedProxiesOnly() async throws {
        try await withHost([EchoFunction()], configure: { $0.rate = Rate("1/h") }) { host in
            let first = try await host.get("/echo", headers: ["X-Forwarded-For": "1.1.1.1"])
            let second = try await host.get("/echo", headers: ["X-Forwarded-For": "2.2.2.2"])
            #expect((first.status, second.status) == (200, 429))
        }
        let proxies = try #require(TrustedProxies("127.0.0.0/8"))
        try await withHost(
            [EchoFunction()],
            configure: {
                $0.rate = Rate("1/h")
                $0.trustedProxies = proxies
            }
        ) { host in
            var statuses: [Int] = []
            for addresses in ["1.1.1.1", "2.2.2.2", "9.9.9.9, 2.2.2.2"] {
                statuses.append(try await host.get("/echo", headers: ["X-Forwarded-For": addresses]).status)
            }
            #expect(statuses == [200, 200, 429])
        }
    }

    /// A function that asks for a token of its own, as `separate` does.
    private struct TokenFunction: Function {
        static let manifest = Array("name: token\nroutes: [{path: /token, methods: [GET, POST]}]".utf8)
        var token: BearerToken? { BearerToken("word") }
        init(environment: FunctionEnvironment) {}
        init() {}
        func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
            .text("in")
        }
    }

    @Test func functionsWithTokensOfTheirOwnNeedNoKey() async throws {
        let ring = try ring("1/h")
        try await withHost(
            [EchoFunction(), TokenFunction()],
            configure: {
                $0.keys = ring
                $0.rate = Rate("1/h")
            }
        ) { host in
            for _ in 0..<3 {
                let reply = try await host.get("/token", headers: ["Authorization": "Bearer word"])
                #expect(reply.status == 200)
            }
            // Others are counted, so that nobody can try tokens for ever.
            let wrong = HTTPBody.bytes(Data("x".utf8))
            let tries = [
                try await host.send("POST", "/token", body: wrong).status,
                try await host.send("POST", "/token", body: wrong).status,
            ]
            #expect(tries == [401, 429])
        }
        // An API key does as well.
        try await withHost([TokenFunction()], configure: { $0.keys = ring }) { [secret] host in
            let reply = try await host.send(
                "GET", "/token", headers: ["X-API-Key": secret], body: .bytes(Data("x".utf8)))
            #expect(reply.status == 200)
        }
    }

    @Test func pagesFromElsewhereAreRefusedWhereThereAreNoKeys() async throws {
        @Sendable func statuses(_ host: RunningHost, _ lines: [String]) async throws -> [String] {
            var all: [String] = []
            for line in lines {
                let connection = try RawConnection(port: host.port)
                try await connection.send("GET /echo HTTP/1.1\r\n\(line)\r\nConnection: close\r\n\r\n")
                let answer = try await connection.receive()
                all.append(String(answer.dropFirst(9).prefix(3)))
            }
            return all
        }
        let foreign = [
            "Host: evil.example", "Host: evil.example:8080", "Host: localhost\r\nOrigin: http://evil.example",
            "Host: localhost\r\nOrigin: null", "Host: localhost:80\r\nOrigin: http://localhost:81",
            "Host: localhost.evil.example", "Host: 127.0.0.1.evil.example",
        ]
        let own = [
            "Host: localhost", "Host: LOCALHOST:8080", "Host: 127.0.0.1:1", "Host: [::1]:80", "Host: music.localhost",
            "Host: 192.168.1.7", "Host: localhost:80\r\nOrigin: http://localhost:80",
        ]
        let wrong = ["Host: localhost\r\nHost: localhost", "X: y", "Host: "]
        let named = ["Host: Music.Example:80", "Host: localhost\r\nOrigin: https://music.example"]
        try await withHost([EchoFunction()]) { host async throws in
            #expect(try await statuses(host, foreign) == foreign.map { _ in "403" })
            #expect(try await statuses(host, own) == own.map { _ in "200" })
            #expect(try await statuses(host, wrong) == wrong.map { _ in "400" })
            #expect(try await statuses(host, named) == ["403", "403"])
        }
        try await withHost([EchoFunction()], configure: { $0.hosts = HostNames("other, music.example") }) {
            host async throws in
            #expect(try await statuses(host, named) == ["200", "200"])
            #expect(try await statuses(host, foreign) == foreign.map { _ in "403" })
        }
        let ring = try ring()
        try await withHost([EchoFunction()], configure: { $0.keys = ring }) { [secret] host async throws in
            #expect(try await statuses(host, ["Host: evil.example\r\nX-API-Key: \(secret)"]) == ["200"])
        }
    }

    @Test func aClientHasSoManyRequestsOpenAndNoMore() async throws {
        let gate = Gate()
        let quiet = APIKey.makeSecret()
        var busy = try APIKey(name: "busy", secret: secret)
        busy.concurrency = 1
        let ring = KeyRing([busy, try APIKey(name: "quiet", secret: quiet)])
        try await withHost(
            [GateFunction(gate: gate), EchoFunction()],
            configure: {
                $0.keys = ring
                $0.concurrency = 2
            }
        ) { [secret] host in
            async let first = host.get("/gate", headers: ["X-API-Key": secret])
            try await eventually("one waits") { await gate.waiting == 1 }
            let second = try await host.get("/echo", headers: ["X-API-Key": secret])
            #expect((second.status, second.problem) == (429, "too-many-requests"))
            #expect(try await host.get("/echo", headers: ["X-API-Key": quiet]).status == 200)
            await gate.open()
            #expect(try await first.status == 200)
            try await eventually("the place is given back") {
                try await host.get("/echo", headers: ["X-API-Key": secret]).status == 200
            }
        }
    }

    @Test func withACertificateTheHostSpeaksTLS() async throws {
        let authority = try await Authority(name: "IP:127.0.0.1")
        try await withHost(
            [EchoFunction()],
            configure: {
                $0.certificate = (authority.certificate, authority.key)
                $0.probePort = 0
            }
        ) { host in
            let url = "https://127.0.0.1:\(host.port)/echo"
            let reply = try await CurlTransport().send(
                HTTPRequest(url: url, tls: TLSOptions(trust: .file(authority.certificate))))
            #expect(reply.status == 200)
            await #expect(throws: HTTPError.self) { try await CurlTransport().send(HTTPRequest(url: url)) }
            await #expect(throws: HTTPError.self) { try await host.get("/echo") }
            let probes = try #require(host.probePort)
            let probe = try await CurlTransport().send(HTTPRequest(url: "http://127.0.0.1:\(probes)/readyz"))
            #expect(probe.status == 200)
        }
        for variable in ["MSAAS_TLS_CERTIFICATE", "MSAAS_TLS_KEY"] {
            #expect(throws: ConfigurationError.self) { try HostConfiguration(environment: [variable: "/x.pem"]) }
        }
    }

    @Test func theLogNamesTheClientBehindAProxy() async throws {
        let proxies = try #require(TrustedProxies("127.0.0.0/8"))
        try await withHost([EchoFunction()], configure: { $0.trustedProxies = proxies }) { host in
            _ = try await host.get("/echo", headers: ["X-Forwarded-For": "8.8.8.8, 2001:db8::1"])
            try await eventually("it is logged") {
                host.log.lines.contains { $0.contains("\"client\":\"2001:db8::1\"") }
            }
        }
    }

    @Test func aHostIsOpenToOthersOnlyWhenItIsTold() throws {
        func start(
            _ host: String, _ functions: [any Function] = [EchoFunction()], open: Bool = false, keys: KeyRing? = nil
        )
            throws
        {
            var configuration = HostConfiguration(host: host)
            configuration.isOpen = open
            configuration.keys = keys
            _ = try FunctionHost(functions: functions, configuration: configuration, logger: LogLines().logger)
        }
        for host in ["127.0.0.1", "127.1.2.3", "::1", "localhost"] { try start(host) }
        for host in ["0.0.0.0", "::", "192.168.0.1", "example.org"] {
            let error = try #require(throws: ConfigurationError.self) { try start(host) }
            for word in [host, "msaas key", "MSAAS_API_KEYS_FILE", "HOST=127.0.0.1", "MSAAS_OPEN=1"] {
                #expect(error.description.contains(word))
            }
            try start(host, open: true)
            try start(host, keys: try ring())
            try start(host, [TokenFunction()])
        }
        #expect(try HostConfiguration(environment: ["MSAAS_OPEN": "1"]).isOpen)
    }
}
