/// Sizes and times as people write them.
package enum Quantity {
    /// `123`, `64KiB`, `10MB`, `1GiB` → bytes.
    package static func bytes(_ text: String) -> Int? {
        guard let (number, unit) = split(text) else { return nil }
        let factors = [
            "": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "KiB": 1 << 10, "MiB": 1 << 20,
            "GiB": 1 << 30,
        ]
        guard let factor = factors[unit] else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// `500ms`, `30s`, `15m`, `2h` → a duration above zero.
    package static func duration(_ text: String) -> Duration? {
        guard let (number, unit) = split(text), number > 0, number < 1_000_000_000 else { return nil }
        switch unit {
        case "ms": return .milliseconds(number)
        case "s": return .seconds(number)
        case "m": return .seconds(number * 60)
        case "h": return .seconds(number * 3600)
        default: return nil
        }
    }

    private static func split(_ text: String) -> (Int, String)? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits) else { return nil }
        return (number, text.dropFirst(digits.count).trimmingPrefix(" ").description)
    }
}
