import Streams
import Foundation
import FunctionHost
import HTTPTransport
import TestSupport
import Testing

@Suite struct LimitTests {
    @Test func aDeclaredBodyOverTheLimitIsRefusedUnread() async throws {
        try await withHost([EchoFunction()]) { host in
            let connection = try RawConnection(port: host.port)
            try await connection.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n")
            let text = try await connection.receive()
            #expect(text.hasPrefix("HTTP/1.1 413"))
            #expect(text.contains("Connection: close"))
            #expect(text.contains("\"limit\":1048576"))
        }
    }

    @Test func aChunkedBodyOverTheLimitIsRefusedOnTheWay() async throws {
        try await withHost([EchoFunction()]) { host in
            let body = HTTPBody.stream(ByteStream(Data(count: 3 << 20)), length: nil)
            let refused = try await host.send("POST", "/echo", body: body)
            #expect(refused.problem == "body-too-large")
            let exact = HTTPBody.stream(ByteStream(Data(count: 1 << 20)), length: nil)
            let taken = try await host.send("POST", "/echo", body: exact).decoded(EchoFunction.Answer.self)
            #expect(taken.bytes == 1 << 20)
        }
    }

    @Test func clientsThatWaitAreToldToGoOnOnlyWhenTheBodyIsWanted() async throws {
        try await withHost([EchoFunction()]) { host in
            let wanted = try RawConnection(port: host.port)
            try await wanted.send(
                "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await wanted.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 100"))
            try await wanted.send("hello")
            #expect(try await wanted.receive(until: "\"bytes\":5").hasPrefix("HTTP/1.1 200"))
            let unwanted = try RawConnection(port: host.port)
            try await unwanted.send(
                "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await unwanted.receive().hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test func slowHandlersAreStopped() async throws {
        let trouble = TroubleFunction()
        try await withHost([trouble]) { host in
            let reply = try await host.get("/trouble/slow")
            #expect(reply.status == 504)
            #expect(reply.problem == "timeout")
            #expect(trouble.cancelled.values == ["yes"])
        }
    }

    @Test func moreThanTheLimitAtOnceIsTooMany() async throws {
        let gate = Gate()
        try await withHost([GateFunction(gate: gate), EchoFunction()]) { host in
            async let first = host.get("/gate")
            async let second = host.get("/gate")
            try await eventually("two wait") { await gate.waiting == 2 }
            let third = try await host.get("/gate")
            #expect(third.status == 429)
            #expect(third.headers["Retry-After"] == "1")
            #expect(try await host.get("/echo").status == 200, "the limit is the function's own")
            await gate.open()
            #expect(try await [first.status, second.status] == [200, 200])
            #expect(try await host.get("/gate").status == 200, "places are given back")
        }
    }

    @Test func longAddressesAndHeadersAreRefused() async throws {
        try await withHost([EchoFunction()]) { host in
            #expect(try await host.get("/echo?" + String(repeating: "a", count: 9000)).problem == "uri-too-long")
            let long = try await host.get("/echo", headers: ["X-Long": String(repeating: "a", count: 20_000)])
            #expect(long.status == 431)
            #expect(long.problem == "headers-too-large")
            let many = HTTPHeaders((0..<200).map { ("X-\($0)", "1") })
            #expect(try await host.get("/echo", headers: many).status == 431)
            // More than is read before it is refused: who still sends must get the answer all the same.
            let connection = try RawConnection(port: host.port)
            try await connection.send(
                "GET /echo HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "a", count: 900_000))\r\n\r\n")
            #expect(try await connection.receive().hasPrefix("HTTP/1.1 431"))
        }
    }

    @Test(arguments: [
        "NONSENSE\r\n\r\n", "GET /echo HTTP/9.9\r\n\r\n", "GET /echo HTTP/1.1\r\nA B: c\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9223372036854775808\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n",
    ])
    func whatIsNotHTTPIsToldSo(_ text: String) async throws {
        try await withHost([EchoFunction()]) { host in
            let connection = try RawConnection(port: host.port)
            try await connection.send(text)
            let answer = try await connection.receive()
            #expect(answer.hasPrefix("HTTP/1.1 400"))
            #expect(answer.contains("urn:msaas:problem:"))
        }
    }

    /// Whoever trickles a body that nobody reads would hold his connection for ever.
    @Test func unreadBodiesEndTheConnection() async throws {
        try await withHost([EchoFunction()]) { host in
            for request in ["POST /echo?unread", "POST /absent", "PUT /echo"] {
                let connection = try RawConnection(port: host.port)
                try await connection.send("\(request) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nhello")
                let answer = try await connection.receive()
                #expect(answer.contains("Connection: close"), "\(answer)")
            }
        }
    }

    @Test func aBodyThatTricklesIsGivenUp() async throws {
        let errors = Recorder<String>()
        try await withHost(
            [EchoFunction(bodyErrors: errors)],
            configure: {
                $0.connections.leastBodyRate = 1 << 20
                $0.connections.rateWindow = .milliseconds(200)
            }
        ) { host in
            let connection = try RawConnection(port: host.port)
            try await connection.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
            let trickle = Task {
                while !Task.isCancelled {
                    try await connection.send("x")
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            let other = try await host.send("POST", "/echo", body: .bytes(Data(count: 100_000)))
            #expect(other.status == 200)
            try await eventually("its reader was told") { errors.values.count == 1 }
            trickle.cancel()
            _ = await trickle.result
        }
    }

    /// The parser finds the mistake when the answer has begun or is done.
    @Test func aBadChunkAfterTheAnswerGetsNoSecondOne() async throws {
        try await withHost([EchoFunction()]) { host in
            for path in ["/absent", "/echo?unread", "/echo"] {
                let connection = try RawConnection(port: host.port)
                try await connection.send(
                    "POST \(path) HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nnonsense\r\n\r\n"
                )
                let answer = try await connection.receive()
                #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(path): \(answer)")
            }
        }
    }

    @Test func routesCanHavePlacesOfTheirOwn() async throws {
        let gate = Gate()
        try await withHost([GateFunction(gate: gate)]) { host in
            async let long = host.get("/gate/long")
            try await eventually("one waits") { await gate.waiting == 1 }
            #expect(try await host.get("/gate/long").status == 429)
            async let short = host.get("/gate")
            try await eventually("another one waits") { await gate.waiting == 2 }
            await gate.open()
            #expect(try await [long.status, short.status] == [200, 200])
        }
    }

    @Test func probesHaveAPortOfTheirOwn() async throws {
        try await withHost([EchoFunction()], configure: { $0.probePort = 0 }) { host in
            let probes = try #require(host.probePort)
            for path in ["/healthz", "/readyz", "/metrics"] {
                let reply = try await CurlTransport().send(HTTPRequest(url: "http://127.0.0.1:\(probes)\(path)"))
                #expect(reply.status == 200)
            }
            let other = try await CurlTransport().send(HTTPRequest(url: "http://127.0.0.1:\(probes)/echo"))
            #expect(other.status == 404)
            #expect(try await host.get("/metrics").status == 404)
            #expect(try await host.get("/readyz").status == 200)
        }
    }

    @Test func aThousandConnectionsAreServed() async throws {
        try await withHost([EchoFunction()]) { host in
            let connections = try (0..<1000).map { _ in try RawConnection(port: host.port) }
            for connection in connections { try await connection.send("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n") }
            for connection in connections {
                #expect(try await connection.receive(until: "\"bytes\":0").hasPrefix("HTTP/1.1 200"))
            }
        }
    }
}
