import Foundation
import FunctionHost
import HTTPTransport
import TestSupport
import Testing

@Suite struct BrokenConnectionTests {
    @Test(arguments: [
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf",
    ])
    func aBodyThatEndsHalfwayIsAnErrorForItsReader(_ request: String) async throws {
        let errors = Recorder<String>()
        try await withHost([EchoFunction(bodyErrors: errors)]) { host in
            let half = try RawConnection(port: host.port)
            try await half.send(request)
            half.finishSending()
            let answer = try await half.receive()
            #expect(answer.hasPrefix("HTTP/1.1 400"))
            #expect(answer.contains("body-incomplete"))

            let gone = try RawConnection(port: host.port)
            try await gone.send(request)
            gone.reset()
            try await eventually("both were noticed") { errors.values.count == 2 }
        }
    }

    @Test func aBodyThatStopsComingIsGivenUp() async throws {
        let errors = Recorder<String>()
        try await withHost([EchoFunction(bodyErrors: errors)], configure: { $0.idleTimeout = .milliseconds(300) }) {
            host in
            let connection = try RawConnection(port: host.port)
            try await connection.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
            _ = try await connection.receive()
            try await eventually("the reader was told") { errors.values.count == 1 }
        }
    }

    @Test func slowHeadersAreGivenUpEvenWhenTheyTrickle() async throws {
        try await withHost([EchoFunction()], configure: { $0.idleTimeout = .milliseconds(300) }) { host in
            let connection = try RawConnection(port: host.port)
            try await connection.send("GET /echo HTTP/1.1\r\nHost: localhost\r\n")
            let trickle = Task {
                while !Task.isCancelled {
                    try await connection.send("X: y\r\n")
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            await #expect(throws: (any Error).self) { try await trickle.value }
        }
    }

    @Test func anAnswerThatFailsHalfwayIsCut() async throws {
        try await withHost([TroubleFunction()]) { host in
            await #expect(throws: HTTPError.self) { try await host.get("/trouble/short") }
            await #expect(throws: HTTPError.self) { try await host.get("/trouble/broken") }
            #expect(host.log.lines.filter { $0.contains("answer cut off") }.count == 2)
        }
    }

    /// Shows back-pressure, too: a writer that did not wait for its client would never be cut.
    @Test func aClientThatTakesNothingIsCutOff() async throws {
        let trouble = TroubleFunction()
        try await withHost([trouble], configure: { $0.stallTimeout = .milliseconds(500) }) { host in
            let connection = try RawConnection(port: host.port)
            try await connection.send("GET /trouble/endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually("the writer was stopped") { !trouble.ended.values.isEmpty }
            #expect(trouble.written.values.reduce(0, +) < 64 << 20)
            let metrics = try await host.get("/metrics").text
            #expect(metrics.contains("http_requests_aborted_total{function=\"trouble\"} 1"))
            #expect(metrics.contains("http_requests_in_flight{function=\"trouble\"} 0"))
        }
    }

    @Test func errorsTellNothing() async throws {
        try await withHost([TroubleFunction()]) { host in
            let reply = try await host.get("/trouble/error")
            #expect(reply.status == 500)
            #expect(reply.problem == "internal")
            #expect(reply.json["detail"] == nil)
            #expect(!reply.text.contains("swordfish"))
            #expect(host.log.lines.contains { $0.contains("swordfish") && $0.contains("\"level\":\"error\"") })
            let problem = try await host.get("/trouble/problem")
            #expect(problem.status == 409)
            #expect(problem.json["detail"] == "Try it tomorrow.")
        }
    }
}
