package import Foundation

/// Times as text, all in UTC.
package enum Timestamp {
    /// `2013-05-24T00:00:00Z` (RFC 3339).
    package static func seconds(_ date: Date) -> String { date.formatted(.iso8601) }

    /// `2013-05-24T00:00:00.123Z`, as S3's XML and our logs have it.
    package static func milliseconds(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// `2013-05-24T00:00:00.123456Z`, as Kubernetes' Leases and Events have it.
    package static func microseconds(_ date: Date) -> String {
        let all = (date.timeIntervalSince1970 * 1_000_000).rounded()
        let whole = (all / 1_000_000).rounded(.down)
        let digits = String(Int(all - whole * 1_000_000))
        let text = seconds(Date(timeIntervalSince1970: whole)).dropLast()
        return "\(text).\(String(repeating: "0", count: 6 - digits.count))\(digits)Z"
    }

    /// `20130524T000000Z`, as signatures have it (`x-amz-date`).
    package static func basic(_ date: Date) -> String { date.formatted(basicStyle) }

    /// `Fri, 24 May 2013 00:00:00 GMT`, as HTTP has it (RFC 9110, section 5.6.7).
    package static func http(_ date: Date) -> String {
        let fields = seconds(date).split { "-T:Z".contains($0) }
        guard fields.count == 6, let month = Int(fields[1]), (1...12).contains(month) else { return "" }
        // 1970 began on a Thursday.
        let day = (date.timeIntervalSince1970 / 86_400).rounded(.down).truncatingRemainder(dividingBy: 7)
        let weekday = weekdays[(Int(day) + 7 + 4) % 7]
        return "\(weekday), \(fields[2]) \(months[month - 1]) \(fields[0]) \(fields[3...].joined(separator: ":")) GMT"
    }

    /// Reads RFC 3339 with any number of decimals and any offset.
    package static func parse(_ text: String) -> Date? {
        try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text.uppercased())
    }

    /// Reads ``basic(_:)``.
    package static func parse(basic text: String) -> Date? {
        // The style is content with more than that, and with the 30th of February.
        guard let date = try? basicStyle.parse(text), basic(date) == text else { return nil }
        return date
    }

    /// Reads ``http(_:)``.
    package static func parse(http text: String) -> Date? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        return parse("\(words[3])-\(month < 9 ? "0" : "")\(month + 1)-\(words[1])T\(words[4])Z")
    }

    private static let basicStyle = Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted)
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
