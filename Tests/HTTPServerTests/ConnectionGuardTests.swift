import CMalloc
import Foundation
import HTTPServer
import NIOCore
import TestSupport
import Testing

@Suite struct ConnectionGuardTests {
    private func head(_ path: String, _ fields: String...) -> String {
        "POST \(path) HTTP/1.1\r\nHost: x\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    }

    private func quick(rate: Int = 1 << 20) -> ConnectionLimits {
        var limits = ConnectionLimits()
        limits.leastBodyRate = rate
        limits.rateWindow = .milliseconds(200)
        limits.lingerTime = .milliseconds(100)
        return limits
    }

    @Test func aBodyThatTricklesIsAnsweredAndCutOff() async throws {
        let server = try await GuardedServer(quick())
        let connection = try RawConnection(port: server.port)
        try await connection.send(head("/take", "Content-Length: 1000000"))
        let trickle = Task {
            while !Task.isCancelled {
                try await connection.send("x")
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        let answer = try await connection.receive()
        trickle.cancel()
        #expect(answer.hasPrefix("HTTP/1.1 408"))
        #expect(answer.contains("Connection: close"))
        #expect(answer.components(separatedBy: "HTTP/1.1").count == 2)
        for await end in server.bodies {
            #expect(end == "BodyTooSlow")
            break
        }
        #expect(server.rules.counts.slowBodies == 1)
    }

    /// The body stands still because its reader does, which is no fault of the client.
    @Test func aClientThatIsHeldBackIsNotSlow() {
        var pace = BodyPace(rate: 1000, window: .seconds(10))
        var now = NIODeadline.uptimeNanoseconds(1)
        pace.waits(now: now)
        pace.restart(now: now)
        pace.pauses(now: now)
        now = now + .seconds(3600)
        var verdicts = [pace.isTooSlow(now: now)]
        pace.waits(now: now)
        for seconds in [9, 1] {
            now = now + .seconds(Int64(seconds))
            verdicts.append(pace.isTooSlow(now: now))
        }
        // The next window begins anew; enough bytes keep it.
        pace.received(10_000)
        now = now + .seconds(10)
        verdicts.append(pace.isTooSlow(now: now))
        #expect(verdicts == [false, false, true, false])
    }

    /// A long body that nobody reads is not drained: its connection ends soon after the answer.
    @Test func refusedBodiesAreNotRead() async throws {
        let server = try await GuardedServer(quick(rate: 0))
        let connection = try RawConnection(port: server.port)
        try await connection.send(head("/refuse", "Content-Length: 1000000000") + "x")
        let answer = try await connection.receive()
        #expect(answer.hasPrefix("HTTP/1.1 401"))
        #expect(answer.contains("Connection: close"))
        try await eventually("the other side is closed") {
            do {
                try await connection.send("x")
                return false
            } catch {
                return true
            }
        }
    }

    /// A short one is, so that the connection can be used again.
    @Test func aShortRestIsDrained() async throws {
        let server = try await GuardedServer(quick(rate: 0))
        let connection = try RawConnection(port: server.port)
        try await connection.send(head("/refuse", "Content-Length: 4") + "ab")
        _ = try await connection.receive(until: "no")
        try await connection.send("cd" + head("/take", "Content-Length: 3", "Connection: close") + "abc")
        #expect(try await connection.receive().hasSuffix("3"))
    }

    /// A client that was not told to go on may send its body or not: whatever comes next would be misread.
    @Test func whoWasNotToldToGoOnIsAnsweredAndLeft() async throws {
        let server = try await GuardedServer(quick(rate: 0))
        let connection = try RawConnection(port: server.port)
        try await connection.send(head("/refuse", "Content-Length: 4", "Expect: 100-continue"))
        let answer = try await connection.receive()
        #expect(answer.hasPrefix("HTTP/1.1 401"))
        #expect(answer.contains("Connection: close"))
    }

    @Test(arguments: ["/refuse", "/take"])
    func aBodyWithBadChunksHasOneAnswer(path: String) async throws {
        let server = try await GuardedServer(quick(rate: 0))
        for spoiled in ["zz\r\nhello", "4\r\nabcdXX", "ffffffffffffffffffff\r\n"] {
            let connection = try RawConnection(port: server.port)
            try await connection.send(head(path, "Transfer-Encoding: chunked"))
            if path == "/refuse" { _ = try await connection.receive(until: "no") }
            try? await connection.send(spoiled)
            let answer = try await connection.receive()
            #expect(answer.components(separatedBy: "HTTP/1.1").count == (path == "/refuse" ? 1 : 2), "\(answer)")
        }
    }

    @Test func whatIsNoHTTPIsToldSo() async throws {
        let server = try await GuardedServer()
        let connection = try RawConnection(port: server.port)
        try await connection.send("hello\r\n\r\n")
        let answer = try await connection.receive()
        #expect(answer.hasPrefix("HTTP/1.1 400"))
        #expect(answer.hasSuffix("malformedRequest"))
    }

    @Test func connectionsOfOneAddressAreCounted() throws {
        var limits = ConnectionLimits()
        limits.perAddress = 2
        let proxy = try SocketAddress(ipAddress: "10.0.0.9", port: 1)
        let rules = ConnectionRules(limits, isExempt: { $0 == proxy }) { _ in
            ConnectionRules.Refusal(status: 400, contentType: "text/plain", body: [])
        }
        func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 7) }
        var first = [rules.enter(try address("192.0.2.1")), rules.enter(try address("192.0.2.1"))]
        #expect(first.allSatisfy { $0 != nil })
        #expect(rules.enter(try address("192.0.2.1")) == nil)
        #expect(rules.enter(try address("::ffff:192.0.2.1")) == nil)
        #expect(rules.enter(try address("192.0.2.2")) != nil)
        first.removeLast()
        #expect(rules.enter(try address("192.0.2.1")) != nil)
        // One owner has a whole network with IPv6.
        let six = [rules.enter(try address("2001:db8::1")), rules.enter(try address("2001:db8::2"))]
        #expect(six.allSatisfy { $0 != nil })
        let neighbour = rules.enter(try address("2001:db8::3"))
        #expect(neighbour == nil)
        // A place is given up with its last reference.
        withExtendedLifetime((first, six)) {}
        for free in ["127.0.0.1", "::1", "10.0.0.9"] {
            let places = try (0..<3).map { _ in rules.enter(free == "10.0.0.9" ? proxy : try address(free)) }
            #expect(places.allSatisfy { $0 != nil })
        }
        #expect(rules.counts.refusedConnections == 3)
    }

    /// What was freed once must not decide where the next large buffer lies; where it is a mapping of its own, it is given back.
    @Test func largeBuffersAreGivenBack() {
        _ = ConnectionRules(ConnectionLimits()) { _ in
            ConnectionRules.Refusal(status: 400, contentType: "text/plain", body: [])
        }
        // Both pointers are shown to somebody else, so that no optimiser may leave the buffers out.
        let first: UnsafeMutableRawPointer? = malloc(12 << 20)
        #expect(first != nil)
        free(first)
        let before = mallinfo2().hblkhd
        let piece: UnsafeMutableRawPointer? = malloc(11 << 20)
        defer { free(piece) }
        #expect(piece != nil)
        #expect(mallinfo2().hblkhd >= before + (10 << 20))
    }
}
