import Encodings
import Foundation
import Testing

@Suite struct TimestampTests {
    private let date = Date(timeIntervalSince1970: 1_369_353_600)

    @Test func everyWayOfWriting() {
        #expect(Timestamp.seconds(date + 0.9) == "2013-05-24T00:00:00Z")
        #expect(Timestamp.milliseconds(date + 0.25) == "2013-05-24T00:00:00.250Z")
        #expect(Timestamp.microseconds(date + 0.25) == "2013-05-24T00:00:00.250000Z")
        #expect(Timestamp.microseconds(Date(timeIntervalSince1970: -0.5)) == "1969-12-31T23:59:59.500000Z")
        #expect(Timestamp.microseconds(date + 0.999_999_9) == "2013-05-24T00:00:01.000000Z")
        #expect(Timestamp.basic(date) == "20130524T000000Z")
        #expect(Timestamp.http(date) == "Fri, 24 May 2013 00:00:00 GMT")
        #expect(Timestamp.http(Date(timeIntervalSince1970: -1)) == "Wed, 31 Dec 1969 23:59:59 GMT")
    }

    @Test(arguments: [
        ("2026-11-22T19:00:00Z", 1_795_374_000.0), ("2026-11-22T19:00:00.000000Z", 1_795_374_000),
        ("2026-11-22T21:30:00.5+02:30", 1_795_374_000.5),
        ("2026-11-22t14:00:00.123456789-05:00", 1_795_374_000.123456789),
        ("2100-03-01T00:00:00Z", 4_107_542_400), ("1970-01-01T00:00:00Z", 0),
    ])
    func anyOffsetAndFractionIsRead(text: String, seconds: Double) throws {
        let date = try #require(Timestamp.parse(text))
        #expect(abs(date.timeIntervalSince1970 - seconds) < 1e-6)
    }

    @Test(arguments: ["", "2026-11-22", "2026-11-22T19:00:00", "2026-13-22T19:00:00Z", "2026-11-22T19:00:00.Z", "soon"])
    func whatIsNoTime(text: String) { #expect(Timestamp.parse(text) == nil) }

    @Test(arguments: [
        "", "20130524", "20131324T000000Z", "2013052éT000000Z", "20130230T000000Z", "20130524T000000Zx",
        "20130524T250000Z",
    ])
    func whatIsNoTimeOfASignature(text: String) { #expect(Timestamp.parse(basic: text) == nil) }

    @Test(arguments: [
        "", "Fri, 24 Mai 2013 00:00:00 GMT", "Fri, 24 May 2013 00:00:00 CET", "Friday, 24-May-13 00:00:00 GMT",
    ])
    func whatIsNoTimeOfHTTP(text: String) { #expect(Timestamp.parse(http: text) == nil) }

    @Test func eachDayComesBack() {
        let wrong = stride(from: -20_000, to: 60_000, by: 17).filter { day in
            let date = Date(timeIntervalSince1970: Double(day) * 86_400 + 3599)
            return Timestamp.parse(Timestamp.microseconds(date)) != date
                || Timestamp.parse(basic: Timestamp.basic(date)) != date
                || Timestamp.parse(http: Timestamp.http(date)) != date
        }
        #expect(wrong == [])
    }
}
