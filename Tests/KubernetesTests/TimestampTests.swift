import Foundation
import Kubernetes
import Testing

@Suite struct TimestampTests {
    @Test func writesMicroseconds() {
        #expect(Timestamp.text(Date(timeIntervalSince1970: 0)) == "1970-01-01T00:00:00.000000Z")
        #expect(Timestamp.text(Date(timeIntervalSince1970: 1_795_374_000.25)) == "2026-11-22T19:00:00.250000Z")
        #expect(Timestamp.text(Date(timeIntervalSince1970: 951_782_400)) == "2000-02-29T00:00:00.000000Z")
        #expect(Timestamp.text(Date(timeIntervalSince1970: -0.5)) == "1969-12-31T23:59:59.500000Z")
        #expect(Timestamp.wholeSeconds(Date(timeIntervalSince1970: 1_795_374_000.9)) == "2026-11-22T19:00:00Z")
    }

    @Test(arguments: [
        ("2026-11-22T19:00:00Z", 1_795_374_000.0), ("2026-11-22T19:00:00.000000Z", 1_795_374_000),
        ("2026-11-22T21:30:00.5+02:30", 1_795_374_000.5),
        ("2026-11-22t14:00:00.123456789-05:00", 1_795_374_000.123456789),
        ("2100-03-01T00:00:00Z", 4_107_542_400), ("1970-01-01T00:00:00Z", 0),
    ])
    func readsAnyOffset(text: String, seconds: Double) throws {
        let date = try #require(Timestamp.date(text))
        #expect(abs(date.timeIntervalSince1970 - seconds) < 1e-6)
    }

    @Test(arguments: ["", "2026-11-22", "2026-11-22T19:00:00", "2026-13-22T19:00:00Z", "2026-11-22T24:00:00Z"])
    func othersAreRefused(text: String) { #expect(Timestamp.date(text) == nil) }

    @Test func eachDayComesBack() {
        let wrong = (-20_000..<60_000).filter { day in
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            return Timestamp.date(Timestamp.text(date)) != date
        }
        #expect(wrong == [])
    }
}
