import HTTPTransport
import NIOCore

/// Reads server-sent events (HTML Living Standard, section 9.2.6): bytes in, messages out. Lines may end with LF, CR or
/// both, and a message may come in any number of pieces.
package struct EventStreamParser {
    /// One message that has data.
    package struct Message: Equatable, Sendable {
        /// Its kind; `message` where none is told.
        package var event: String
        /// Its place in the stream, where it has one of its own.
        package var id: String?
        /// Its lines, joined by line feeds.
        package var data: String

        /// A message of its parts.
        package init(event: String, id: String?, data: String) {
            self.event = event
            self.id = id
            self.data = data
        }
    }

    /// The most bytes that a message may have.
    package static let limit = 1 << 20

    /// How long to stay away once the stream ends, where the server said so; at most a minute.
    package private(set) var pause: Duration?

    private var line: [UInt8] = []
    private var isAfterReturn = false
    private var event = ""
    private var id: String?
    private var data: [String] = []
    private var size = 0

    /// A parser at the beginning of a stream.
    package init() {}

    /// Takes the next bytes.
    ///
    /// - Throws: `HTTPError.bodyTooLarge(limit:)` when a message does not end.
    package mutating func read(_ bytes: ByteBuffer) throws -> [Message] {
        var messages: [Message] = []
        for byte in bytes.readableBytesView {
            defer { isAfterReturn = byte == 0x0d }
            switch byte {
            case 0x0a where isAfterReturn: continue
            case 0x0a, 0x0d:
                if let message = endLine() { messages.append(message) }
            default:
                size += 1
                guard size <= Self.limit else { throw HTTPError.bodyTooLarge(limit: Self.limit) }
                line.append(byte)
            }
        }
        return messages
    }

    private mutating func endLine() -> Message? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return endMessage() }
        let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(decoding: parts[0], as: UTF8.self)
        var value = parts.count == 2 ? parts[1] : []
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch name {
        case "event": event = text
        case "data": data.append(text)
        case "id" where !text.contains("\0"): id = text
        case "retry": if let milliseconds = UInt32(text) { pause = .milliseconds(min(milliseconds, 60_000)) }
        default: break
        }
        return nil
    }

    private mutating func endMessage() -> Message? {
        defer { (event, id, data, size) = ("", nil, [], 0) }
        guard !data.isEmpty else { return nil }
        return Message(event: event.isEmpty ? "message" : event, id: id, data: data.joined(separator: "\n"))
    }
}
