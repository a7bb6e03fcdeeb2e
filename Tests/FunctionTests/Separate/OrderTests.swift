import Foundation
import FunctionHost
import SeparateFunction
import Testing

@Suite struct OrderTests {
    @Test func directOrdersCarryOptions() throws {
        let body = Data(#"{"bucket":"queue","key":"a b.mp3","options":{"model":"x","shifts":2,"overlap":0.5}}"#.utf8)
        let order = try #require(try Order.orders(in: body, headers: [:]).first)
        #expect(order.bucket == "queue" && order.key == "a b.mp3" && order.isCreation)
        #expect(order.options == ["model": "x", "shifts": "2", "overlap": "0.5"])
    }

    @Test(arguments: [
        #"{"bucket":"queue","key":"a","options":{"x":[1]}}"#, #"{"bucket":"queue","key":"a","options":7}"#, "{", "[1]",
        #"{"Records":7}"#, "\"text\"", String(repeating: "[", count: 100_000),
    ])
    func nonsenseIsRefused(_ body: String) {
        #expect(throws: (any Error).self) { try Order.orders(in: Data(body.utf8), headers: [:]) }
    }

    @Test func tokensAreCompared() {
        let token = BearerToken("secret")
        #expect(token.isIn("Bearer secret"))
        #expect(token.isIn("secret"))
        for wrong in [nil, "", "Bearer", "Bearer secre", "Bearer secret2", "Bearer Secret", "Basic secret", "\0"] {
            #expect(!token.isIn(wrong))
        }
        #expect(BearerToken("Basic abc").isIn("Basic abc"))
        #expect(!BearerToken("Basic abc").isIn("Bearer Basic abc"))
    }
}
