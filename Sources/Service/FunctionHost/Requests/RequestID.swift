/// The id of a request in `X-Request-Id`.
enum RequestID {
    /// The client's id when it is sound (1 to 128 of letters, digits, `-`, `_`, `.`, `:`), else a new one.
    static func accepted(_ header: String?) -> String {
        guard let header, (1...128).contains(header.utf8.count), header.utf8.allSatisfy(isAllowed) else {
            return random()
        }
        return header
    }

    /// 128 random bits as 32 hexadecimal digits.
    static func random() -> String {
        Hexadecimal.digits(of: UInt64.random(in: .min ... .max))
            + Hexadecimal.digits(of: UInt64.random(in: .min ... .max))
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }
}

enum Hexadecimal {
    /// 16 lower-case digits.
    static func digits(of value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
