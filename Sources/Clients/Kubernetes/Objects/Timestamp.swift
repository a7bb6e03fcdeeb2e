package import Foundation

/// The API's times: RFC 3339, in whole seconds (`Time`) or with six decimals (`MicroTime`).
package enum Timestamp {
    /// `date` in UTC with microseconds, as Leases and Events have it.
    package static func text(_ date: Date) -> String {
        let micros = Int((date.timeIntervalSince1970 * 1_000_000).rounded())
        return text(seconds: micros.floorDivided(by: 1_000_000)) + fraction(micros) + "Z"
    }

    /// `date` in UTC in whole seconds, as metadata has it.
    package static func wholeSeconds(_ date: Date) -> String {
        text(seconds: Int(date.timeIntervalSince1970.rounded(.down))) + "Z"
    }

    private static func fraction(_ micros: Int) -> String {
        let digits = String(micros - micros.floorDivided(by: 1_000_000) * 1_000_000)
        return "." + String(repeating: "0", count: 6 - digits.count) + digits
    }

    private static func text(seconds: Int) -> String {
        let days = seconds.floorDivided(by: 86_400)
        let rest = seconds - days * 86_400
        let (year, month, day) = civil(days)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let years = String(repeating: "0", count: max(0, 4 - "\(year)".count)) + "\(year)"
        return "\(years)-\(two(month))-\(two(day))T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))"
    }

    /// Reads RFC 3339 with any number of decimals and any offset.
    package static func date(_ text: String) -> Date? {
        var reader = Reader(rest: text.utf8[...])
        guard let year = reader.number(4, "-"), let month = reader.number(2, "-"), (1...12).contains(month),
            let day = reader.number(2, "Tt "), (1...31).contains(day), let hour = reader.number(2, ":"), hour < 24,
            let minute = reader.number(2, ":"), minute < 60, let second = reader.number(2, ""), second <= 60,
            let fraction = reader.fraction(), let offset = reader.offset()
        else { return nil }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return Date(timeIntervalSince1970: Double(seconds) + fraction)
    }

    /// Reads the parts of a time, from the left.
    private struct Reader {
        var rest: Substring.UTF8View

        /// So many digits, and one of the characters behind them, if there are any.
        mutating func number(_ count: Int, _ ends: String) -> Int? {
            let digits = rest.prefix(count)
            guard digits.count == count, let value = digits.decimalValue else { return nil }
            rest = rest.dropFirst(count)
            if ends.isEmpty { return value }
            guard let end = rest.popFirst(), ends.utf8.contains(end) else { return nil }
            return value
        }

        /// The decimals, if there are any.
        mutating func fraction() -> Double? {
            guard rest.first == UInt8(ascii: ".") else { return 0 }
            let digits = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest.dropFirst(1 + digits.count)
            return digits.isEmpty ? nil : Double("0." + (String(digits) ?? ""))
        }

        /// `Z` or hours and minutes, in seconds; nothing may follow.
        mutating func offset() -> Int? {
            guard let sign = rest.popFirst() else { return nil }
            if sign == UInt8(ascii: "Z") || sign == UInt8(ascii: "z") { return rest.isEmpty ? 0 : nil }
            guard "+-".utf8.contains(sign), let hours = number(2, ":"), let minutes = number(2, ""), rest.isEmpty else {
                return nil
            }
            return (sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60)
        }
    }

    /// Days since 1970 of a date of the Gregorian calendar.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year  // years that begin in March have their leap day last
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let leapDays = shifted.floorDivided(by: 4) - shifted.floorDivided(by: 100) + shifted.floorDivided(by: 400)
        return shifted * 365 + leapDays + dayOfYear - 719_468
    }

    /// The date of the Gregorian calendar, `count` days after the beginning of 1970.
    private static func civil(_ count: Int) -> (year: Int, month: Int, day: Int) {
        var year = 1969 + (count * 400).floorDivided(by: 146_097)  // the year or one of the two before
        while days(year + 1, 1, 1) <= count { year += 1 }
        var month = 12
        while days(year, month, 1) > count { month -= 1 }
        return (year, month, count - days(year, month, 1) + 1)
    }
}

extension Int {
    fileprivate func floorDivided(by divisor: Int) -> Int {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension JSONDecoder {
    /// Reads the API's objects.
    package static var kubernetes: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            guard let date = Timestamp.date(text) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is not a time")
            }
            return date
        }
        return decoder
    }
}

extension JSONEncoder {
    /// Writes the API's objects; the same value always gives the same text.
    package static var kubernetes: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(Timestamp.text(date))
        }
        return encoder
    }
}

extension Substring.UTF8View {
    /// The number that decimal digits make.
    fileprivate var decimalValue: Int? {
        reduce(Int?.some(0)) { value, digit in
            guard let value, digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            return value * 10 + Int(digit - UInt8(ascii: "0"))
        }
    }
}
