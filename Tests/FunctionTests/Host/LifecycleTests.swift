import EnvironmentSettings
import Foundation
import FunctionHost
import HTTPTransport
import Logging
import TestSupport
import Testing

@Suite struct LifecycleTests {
    struct Away: Error {}

    @Test func readinessFollowsTheChecks() async throws {
        let fine = ReadinessCheck("storage") {}
        let away = ReadinessCheck("redis", isRequired: false) { throw Away() }
        try await withHost([EchoFunction(checks: [fine, away])]) { host in
            let reply = try await host.get("/readyz")
            #expect(reply.status == 200)
            #expect(reply.json["status"] == "degraded")
        }
        try await withHost([EchoFunction(checks: [fine, ReadinessCheck("storage") { throw Away() }])]) { host in
            let reply = try await host.get("/readyz")
            #expect(reply.status == 503)
            #expect(reply.json["status"] == "unready")
            #expect(!reply.text.contains("Away"))
            #expect(try await host.get("/healthz").status == 200)
        }
    }

    @Test func drainingFinishesWhatIsInFlight() async throws {
        let gate = Gate()
        try await withHost([GateFunction(gate: gate)], configure: { $0.drainDelay = .seconds(3) }) { host in
            async let inFlight = host.get("/gate")
            try await eventually("one waits") { await gate.waiting == 1 }
            await host.group.triggerGracefulShutdown()
            try await eventually("new connections are told") { try await host.get("/readyz").status == 503 }
            await gate.open()
            let reply = try await inFlight
            #expect(reply.text == "through")
        }
        #expect(await gate.waiting == 0)
    }

    @Test func drainingDoesNotWaitForEver() async throws {
        let gate = Gate()
        try await withHost([GateFunction(gate: gate)], configure: { $0.drainTimeout = .milliseconds(300) }) { host in
            let connection = try RawConnection(port: host.port)
            try await connection.send("GET /gate HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually("one waits") { await gate.waiting == 1 }
        }
        #expect(await gate.waiting == 0, "the handler was cancelled")
    }

    @Test func metricsCountRequests() async throws {
        try await withHost([EchoFunction()]) { host in
            _ = try await host.get("/echo")
            _ = try await host.get("/echo")
            _ = try await host.send("PATCH", "/echo")
            _ = try await host.get("/nowhere")
            let text = try await host.get("/metrics").text
            #expect(text.contains("http_requests_total{function=\"echo\",method=\"GET\",status=\"200\"} 2\n"))
            #expect(text.contains("http_requests_total{function=\"echo\",method=\"PATCH\",status=\"405\"} 1\n"))
            #expect(text.contains("http_requests_total{function=\"host\",method=\"GET\",status=\"404\"} 1\n"))
            #expect(text.contains("http_request_duration_seconds_count{function=\"echo\"} 3\n"))
            #expect(text.contains("process_resident_memory_bytes "))
        }
    }

    @Test func targetsChooseFunctions() throws {
        let catalogue = try FunctionCatalogue([EchoFunction.self, GateFunction.self])
        let environment = FunctionEnvironment(variables: [:], logger: LogLines().logger)
        #expect(try catalogue.functions(target: nil, environment: environment).count == 2)
        #expect(try catalogue.functions(target: " gate , ", environment: environment).first is GateFunction)
        #expect(
            throws: ConfigurationError(
                "FUNCTION_TARGET names “gat”, which is no function; known are echo, gate.")
        ) { try catalogue.functions(target: "gat", environment: environment) }
    }

    @Test func twoFunctionsCannotHaveOnePath() {
        #expect(throws: ConfigurationError.self) {
            try FunctionHost(
                functions: [EchoFunction(), EchoFunction()], configuration: HostConfiguration(),
                logger: LogLines().logger)
        }
    }

    @Test func settingsAreChecked() throws {
        let settings = try HostConfiguration(environment: ["PORT": "9000", "MSAAS_IDLE_TIMEOUT": "5s"])
        #expect(settings.port == 9000)
        #expect(settings.host == "0.0.0.0")
        #expect(settings.idleTimeout == .seconds(5))
        #expect(throws: ConfigurationError("PORT", is: "http", write: "a whole number from 0 to 65535")) {
            try HostConfiguration(environment: ["PORT": "http"])
        }
        #expect(throws: ConfigurationError("MSAAS_DRAIN_DELAY", is: "5", write: "a time such as 500ms, 30s or 2m")) {
            try HostConfiguration(environment: ["MSAAS_DRAIN_DELAY": "5"])
        }
    }
}
