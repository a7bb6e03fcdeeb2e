// Numbers and names that strangers have written, in files, requests and environments: what they may become here.

extension FixedWidthInteger {
    /// The whole part of a floating-point number, where there is such an integer: the nearest one for a number beyond the
    /// bounds, 0 for NaN. `Int(_:)` ends the process with those, so it is not for numbers that come from outside.
    public init<Number: BinaryFloatingPoint>(clamping number: Number) {
        if let exact = Self(exactly: number.rounded(.towardZero)) {
            self = exact
        } else {
            self = number.isNaN ? 0 : number < 0 ? .min : .max
        }
    }
}

/// The rule for every name that becomes a part of a path, an object's key or an address: models, signatures, stems.
public enum PlainName {
    /// Whether `name` is 1 to `limit` ASCII letters, digits, `_`, `-` and `.`, and does not begin with a dot or a dash.
    public static func isValid(_ name: String, upTo limit: Int = 100) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= limit else { return false }
        guard first != UInt8(ascii: "."), first != UInt8(ascii: "-") else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }
}

extension StringProtocol {
    /// The text as it may stand in a sentence, in a line of a log or on a terminal: control characters, which could forge a
    /// line or command the terminal, become “�”, and what is longer than `limit` is cut.
    public func visible(upTo limit: Int = 64) -> String {
        let shown = unicodeScalars.prefix(limit).map {
            $0.properties.generalCategory == .control ? "\u{FFFD}" : Character($0)
        }
        return String(shown) + (unicodeScalars.dropFirst(limit).isEmpty ? "" : "…")
    }
}
