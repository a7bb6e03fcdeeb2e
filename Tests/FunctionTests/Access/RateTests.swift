import FunctionHost
import Testing

@Suite struct RateTests {
    private let start = ContinuousClock.now

    @Test(arguments: [("20/s", 20, Duration.seconds(1)), ("600/m", 600, .seconds(60)), ("1/h", 1, .seconds(3600))])
    func ratesAreRead(_ text: String, _ count: Int, _ period: Duration) throws {
        let rate = try #require(Rate(text))
        #expect((rate.count, rate.period, rate.description) == (count, period, text))
    }

    @Test(arguments: ["", "20", "0/s", "-1/s", "20/d", "1.5/s", "20/s ", "99999999/s"])
    func otherTextIsNoRate(_ text: String) { #expect(Rate(text) == nil) }

    @Test func aBucketIsEmptiedAndFillsUp() throws {
        let rate = try #require(Rate("4/m"))
        var limiter = RateLimiter()
        for _ in 0..<4 { #expect(limiter.admit("a", rate, now: start) == nil) }
        #expect(limiter.admit("a", rate, now: start) == .seconds(15))
        // Being refused costs nothing.
        #expect(limiter.admit("a", rate, now: start + .seconds(5)) == .seconds(10))
        #expect(limiter.admit("b", rate, now: start) == nil)
        #expect(limiter.admit("a", rate, now: start + .seconds(15)) == nil)
        #expect(limiter.admit("a", rate, now: start + .seconds(15)) == .seconds(15))
        for _ in 0..<4 { #expect(limiter.admit("a", rate, now: start + .seconds(200)) == nil) }
        #expect(limiter.admit("a", rate, now: start + .seconds(200)) != nil)
    }

    @Test func manyClientsCannotFillTheMemory() throws {
        let rate = try #require(Rate("2/s"))
        var limiter = RateLimiter()
        for client in 0..<(RateLimiter.clientLimit + 1000) { _ = limiter.admit("\(client)", rate, now: start) }
        #expect(limiter.clientCount <= RateLimiter.clientLimit)
        // Later all of them are full again, and forgotten when there is no room.
        for client in 0..<(RateLimiter.clientLimit) { _ = limiter.admit("x\(client)", rate, now: start + .seconds(9)) }
        #expect(limiter.clientCount <= RateLimiter.clientLimit)
    }

    @Test(
        arguments: [
            ("10.1.2.3", nil, "10.1.2.3"), ("10.1.2.3", "1.2.3.4", "1.2.3.4"),
            // The client wrote the first of these itself.
            ("10.1.2.3", "6.6.6.6, 1.2.3.4", "1.2.3.4"), ("10.1.2.3", "1.2.3.4, 10.9.9.9", "1.2.3.4"),
            // A peer that is no trusted proxy may write what it likes.
            ("9.9.9.9", "1.2.3.4", "9.9.9.9"), ("10.1.2.3", "nonsense", "10.1.2.3"),
            ("::ffff:10.1.2.3", "1.2.3.4", "1.2.3.4"), ("fd00::1", "2001:db8:1:2:3::4", "32:1:13:184:0:1:0:2"),
        ] as [(String, String?, String)])
    func proxiesAreBelievedOnlyWhenTheyAreTrusted(_ peer: String, _ header: String?, _ client: String) throws {
        let proxies = try #require(TrustedProxies("10.0.0.0/8, fd00::/8"))
        #expect(proxies.client(peer: peer, forwardedFor: header) == client)
    }

    @Test func clientsOfOneNetworkAreOne() throws {
        let none = TrustedProxies()
        let first = none.client(peer: "2001:db8::1", forwardedFor: nil)
        #expect(first == none.client(peer: "2001:db8::ffff:1", forwardedFor: "1.2.3.4"))
        #expect(first != none.client(peer: "2001:db8:0:1::1", forwardedFor: nil))
    }
}
