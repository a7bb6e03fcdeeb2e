package import Foundation

/// The ways in which S3 writes times; all are UTC.
package enum Timestamp {
    /// `20130524T000000Z`, as in `x-amz-date`.
    package static func basic(_ date: Date) -> String {
        let time = Fields(date)
        return "\(time.year, 4)\(time.month, 2)\(time.day, 2)T\(time.hour, 2)\(time.minute, 2)\(time.second, 2)Z"
    }

    /// `2013-05-24T00:00:00.123Z`, as in XML.
    package static func extended(_ date: Date) -> String {
        let time = Fields(date)
        let clock = "\(time.hour, 2):\(time.minute, 2):\(time.second, 2).\(time.millisecond, 3)Z"
        return "\(time.year, 4)-\(time.month, 2)-\(time.day, 2)T\(clock)"
    }

    /// `Fri, 24 May 2013 00:00:00 GMT`, as in HTTP headers (RFC 9110, section 5.6.7).
    package static func http(_ date: Date) -> String {
        let time = Fields(date)
        let clock = "\(time.hour, 2):\(time.minute, 2):\(time.second, 2) GMT"
        return "\(days[time.weekday]), \(time.day, 2) \(months[time.month - 1]) \(time.year, 4) \(clock)"
    }

    /// Reads ``basic(_:)``.
    package static func parse(basic text: String) -> Date? {
        let digits = Array(text.utf8)
        guard digits.count == 16, digits[8] == UInt8(ascii: "T"), digits[15] == UInt8(ascii: "Z") else { return nil }
        return date(digits, [0..<4, 4..<6, 6..<8, 9..<11, 11..<13, 13..<15])
    }

    /// Reads ``extended(_:)``, with or without a fraction.
    package static func parse(extended text: String) -> Date? {
        let digits = Array(text.utf8)
        guard digits.count >= 20, digits.last == UInt8(ascii: "Z"),
            let whole = date(digits, [0..<4, 5..<7, 8..<10, 11..<13, 14..<16, 17..<19])
        else { return nil }
        let fraction = String(decoding: digits[19..<digits.count - 1], as: UTF8.self)
        return whole + (fraction.isEmpty ? 0 : Double("0" + fraction) ?? 0)
    }

    /// Reads ``http(_:)``.
    package static func parse(http text: String) -> Date? {
        let words = text.split(separator: " ")
        guard words.count == 6, let month = months.firstIndex(of: String(words[2])) else { return nil }
        let number = "\(words[3])\(month + 1, 2)\(words[1])\(words[4].filter { $0 != ":" })"
        return date(Array(number.utf8), [0..<4, 4..<6, 6..<8, 8..<10, 10..<12, 12..<14])
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func date(_ digits: [UInt8], _ ranges: [Range<Int>]) -> Date? {
        var values: [Int] = []
        for range in ranges {
            guard range.upperBound <= digits.count, let value = Int(String(decoding: digits[range], as: UTF8.self))
            else { return nil }
            values.append(value)
        }
        guard (1...12).contains(values[1]), (1...31).contains(values[2]), (0...23).contains(values[3]),
            (0...59).contains(values[4]), (0...60).contains(values[5])
        else { return nil }
        var fields = tm()
        fields.tm_year = Int32(values[0] - 1900)
        fields.tm_mon = Int32(values[1] - 1)
        fields.tm_mday = Int32(values[2])
        fields.tm_hour = Int32(values[3])
        fields.tm_min = Int32(values[4])
        fields.tm_sec = Int32(values[5])
        return Date(timeIntervalSince1970: TimeInterval(timegm(&fields)))
    }

    private struct Fields {
        var year, month, day, hour, minute, second, weekday, millisecond: Int

        init(_ date: Date) {
            let seconds = date.timeIntervalSince1970.rounded(.down)
            var time = time_t(seconds)
            var fields = tm()
            gmtime_r(&time, &fields)
            (year, month, day) = (Int(fields.tm_year) + 1900, Int(fields.tm_mon) + 1, Int(fields.tm_mday))
            (hour, minute, second) = (Int(fields.tm_hour), Int(fields.tm_min), Int(fields.tm_sec))
            weekday = Int(fields.tm_wday)
            millisecond = Int((date.timeIntervalSince1970 - seconds) * 1000)
        }
    }
}

extension String.StringInterpolation {
    /// A number with leading zeros up to `width` digits.
    fileprivate mutating func appendInterpolation(_ number: Int, _ width: Int) {
        let digits = String(number)
        appendLiteral(String(repeating: "0", count: max(0, width - digits.count)) + digits)
    }
}
