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
            for _ in 0..<3 { #expect(try await host.get("/echo", headers: key).status == 200) }
            let refused = try await host.get("/echo", headers: key)
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
        let proxies = try TrustedProxies("127.0.0.0/8")
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
        static let manifest = Array("name: token\nroutes: [{path: /token, methods: [GET]}]".utf8)
        var checksAccess: Bool { true }
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
                let reply = try await host.get("/token")
                #expect(reply.status == 200)
            }
            let reply = try await host.get("/echo")
            #expect(reply.status == 401)
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
