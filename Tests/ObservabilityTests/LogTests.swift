import Foundation
import Logging
import Observability
import Synchronization
import Testing

@Suite struct LogTests {
    @Test func logLinesAreJSON() throws {
        let (lines, logger) = Self.collected()
        var request = logger
        request[metadataKey: "request"] = "r1"
        request.warning("quotes \" and\nlines", metadata: ["count": .stringConvertible(3), "name": "é"])
        let line = try #require(lines.withLock { $0 }.first)
        #expect(line.hasSuffix("\n"))
        #expect(line.dropLast().contains("\n") == false)
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(fields["message"] as? String == "quotes \" and\nlines")
        #expect(fields["count"] as? Int == 3)
        #expect(fields["request"] as? String == "r1")
        #expect(fields["level"] as? String == "warning")
    }

    /// What strangers write reaches no terminal as a command, also where the log is JSON, and is still the same text.
    @Test func controlsAreWrittenOut() throws {
        let (lines, logger) = Self.collected()
        let name = "a\u{1b}[2J\u{9b}1m\u{202e}gpj\u{2028}\u{e0001}.mp3"
        logger.info("a song", metadata: ["filename": "\(name)"])
        let line = try #require(lines.withLock { $0 }.first)
        #expect(line.unicodeScalars.allSatisfy { $0.isASCII })
        #expect(line.utf8.allSatisfy { $0 >= 0x20 || $0 == UInt8(ascii: "\n") })
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(fields["filename"] as? String == name)
    }

    private static func collected() -> (Lines, Logger) {
        let lines = Lines()
        return (
            lines, Logger(label: "test") { JSONLogHandler(label: $0) { line in lines.withLock { $0.append(line) } } }
        )
    }
}

/// Lines that were written.
private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    func withLock<Value>(_ body: (inout sending [String]) -> sending Value) -> Value { lines.withLock(body) }
}
