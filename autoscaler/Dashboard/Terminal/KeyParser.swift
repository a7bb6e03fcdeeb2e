/// Turns the bytes of a terminal into keys. Bytes of a sequence may come in any number of pieces.
package struct KeyParser {
    private var pending: [UInt8] = []

    /// A parser that waits for nothing.
    package init() {}

    /// Whether bytes are waiting for the rest of their sequence. If none comes soon, call ``flush()``.
    package var isWaiting: Bool { !pending.isEmpty }

    /// The keys that are complete now.
    package mutating func take(_ bytes: some Sequence<UInt8>) -> [Key] {
        pending += bytes
        var keys: [Key] = []
        while let (key, length) = Self.next(in: pending) {
            pending.removeFirst(length)
            if let key { keys.append(key) }
        }
        return keys
    }

    /// Nothing follows: what waits is a lone Escape, or of no meaning.
    package mutating func flush() -> [Key] {
        defer { pending = [] }
        return pending == [0x1B] ? [.escape] : []
    }

    /// The first key and how many bytes it takes; a sequence of no meaning is skipped. `nil` when bytes are missing.
    private static func next(in bytes: [UInt8]) -> (Key?, Int)? {
        guard let first = bytes.first else { return nil }
        switch first {
        case 0x1B: return escapeSequence(bytes)
        case 0x0D, 0x0A: return (.enter, 1)
        // Backspace.
        case 0x7F: return (.control("h"), 1)
        case 0x01...0x1A: return (.control(Character(Unicode.Scalar(first + 0x60))), 1)
        case 0x20...0x7E: return (.character(Character(Unicode.Scalar(first))), 1)
        case 0xC2...0xF4:
            let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
            guard bytes.count >= length else { return nil }
            return (String(decoding: bytes[..<length], as: UTF8.self).first.map { .character($0) }, length)
        default: return (nil, 1)
        }
    }

    /// ESC [ parameters final (ECMA-48, 5.4) or ESC O final, as the cursor keys send in application mode.
    private static func escapeSequence(_ bytes: [UInt8]) -> (Key?, Int)? {
        guard bytes.count > 1 else { return nil }
        switch bytes[1] {
        case UInt8(ascii: "["):
            guard let end = bytes.dropFirst(2).firstIndex(where: { (0x40...0x7E).contains($0) }) else {
                return bytes.count > 32 ? (nil, bytes.count) : nil
            }
            return (key(parameters: bytes[2..<end], final: bytes[end]), end + 1)
        case UInt8(ascii: "O"):
            guard bytes.count > 2 else { return nil }
            return (key(parameters: [], final: bytes[2]), 3)
        case 0x1B: return (.escape, 1)
        // Alt with a key means nothing here.
        default: return (nil, 2)
        }
    }

    private static func key(parameters: ArraySlice<UInt8>, final: UInt8) -> Key? {
        switch (final, String(decoding: parameters, as: UTF8.self)) {
        case (UInt8(ascii: "A"), _): .up
        case (UInt8(ascii: "B"), _): .down
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"), (UInt8(ascii: "~"), "7"): .home
        case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"), (UInt8(ascii: "~"), "8"): .end
        case (UInt8(ascii: "~"), "5"): .pageUp
        case (UInt8(ascii: "~"), "6"): .pageDown
        default: nil
        }
    }
}

/// A key that was pressed.
package enum Key: Sendable, Equatable {
    /// A printable character.
    case character(Character)
    case up
    case down
    case pageUp
    case pageDown
    case home
    case end
    case escape
    case enter
    /// Ctrl with a letter.
    case control(Character)
}
