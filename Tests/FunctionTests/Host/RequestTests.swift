import TestSupport
import Foundation
import FunctionHost
import HTTPTransport
import Observability
import Testing

@Suite struct RequestTests {
    @Test func routesParametersAndQueryAreDecoded() async throws {
        try await withHost([EchoFunction()]) { host in
            let plain = try await host.get("/echo/a%20b%C3%A9%2Fc?x=1&y=a+b%26&z").decoded(EchoFunction.Answer.self)
            #expect(plain.route == "/echo/{name}")
            #expect(plain.parameters == ["name": "a bé/c"])
            #expect(plain.query == ["x=1", "y=a b&", "z="])
            #expect(try await host.get("/echo/special").decoded(EchoFunction.Answer.self).route == "/echo/special")
            #expect(try await host.get("/echo/").decoded(EchoFunction.Answer.self).route == "/echo")
            #expect(try await host.get("/echo/%zz").problem == "bad-request")
            #expect(try await host.get("/echo?a=%ff").problem == "bad-request")
        }
    }

    @Test func unknownPathsAndMethodsAreProblems() async throws {
        try await withHost([EchoFunction()]) { host in
            let missing = try await host.get("/nowhere")
            #expect(missing.status == 404)
            #expect(missing.problem == "not-found")
            #expect(missing.json["requestId"] == missing.headers["X-Request-Id"])
            #expect(missing.json["instance"] == "urn:msaas:request:\(missing.headers["X-Request-Id"] ?? "")")
            let wrong = try await host.send("DELETE", "/echo")
            #expect(wrong.status == 405)
            #expect(wrong.headers["Allow"] == "GET, HEAD, POST")
            #expect(try await host.send("POST", "/healthz").headers["Allow"] == "GET, HEAD")
        }
    }

    @Test func requestIDsAreKeptWhenSoundAndMadeOtherwise() async throws {
        try await withHost([EchoFunction()]) { host in
            let kept = try await host.get("/echo", headers: ["X-Request-Id": "abc-1.2_3:4"])
            #expect(kept.headers["X-Request-Id"] == "abc-1.2_3:4")
            for wrong in ["", "a b", "é", String(repeating: "x", count: 129), "a\"b"] {
                let made = try await host.get("/echo", headers: ["X-Request-Id": wrong]).headers["X-Request-Id"] ?? ""
                #expect(made.wholeMatch(of: /[0-9a-f]{32}/) != nil, "\(wrong) → \(made)")
            }
            #expect(host.log.lines.contains { $0.contains("\"request\":\"abc-1.2_3:4\"") })
        }
    }

    @Test func tracesGoOn() async throws {
        try await withHost([EchoFunction()]) { host in
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let reply = try await host.get("/echo", headers: ["traceparent": parent])
            let trace = reply.headers["traceparent"] ?? ""
            #expect(trace.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-"))
            #expect(trace.hasSuffix("-01"))
            #expect(!trace.contains("00f067aa0ba902b7"))
            #expect(try reply.decoded(EchoFunction.Answer.self).trace == trace)
        }
        for wrong in [
            "", "00-0-0-0", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            let trace = TraceContext(traceparent: wrong)
            #expect(trace.parentID == nil)
            #expect(trace.traceparent.wholeMatch(of: /00-[0-9a-f]{32}-[0-9a-f]{16}-00/) != nil)
        }
    }

    @Test func headHasNoBodyAndTheSameLength() async throws {
        try await withHost([EchoFunction()]) { host in
            let connection = try RawConnection(port: host.port)
            try await connection.send(
                "HEAD /echo HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let text = try await connection.receive(until: "{\"status\":\"ok\"}")
            let heads = text.components(separatedBy: "\r\n\r\n")
            #expect(heads[0].contains("Content-Length: "))
            #expect(heads[1].hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func headersCannotBeInjected() async throws {
        try await withHost([TroubleFunction()]) { host in
            let reply = try await host.get("/trouble/header")
            #expect(reply.status == 200)
            #expect(reply.headers["X-Evil"] == nil)
        }
    }

    @Test func theIndexListsAllPaths() async throws {
        try await withHost([EchoFunction(), TroubleFunction()]) { host in
            let text = try await host.get("/").text
            #expect(text.contains("\"/echo/{name}\""))
            #expect(text.contains("\"/trouble/{kind}\""))
        }
    }

    /// Clients program against the types; README lists them all.
    @Test func everyKindOfProblemIsWrittenDown() throws {
        let rows = try String(
            contentsOf: Places.repository.appending(path: "README.md"), encoding: .utf8
        ).matches(of: #/\n\| `([a-z-]+)` \| ([0-9]{3}) \| /#).map {
            "\($0.1) \($0.2)"
        }
        #expect(Set(rows) == Set(Problem.Kind.allCases.map { "\($0.rawValue) \($0.status)" }))
        #expect(rows.count == Problem.Kind.allCases.count)
    }
}
