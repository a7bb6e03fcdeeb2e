import Simulator
import Testing

@Suite struct TraceTests {
    @Test func commaSeparatedValues() throws {
        let trace = try Trace(name: "a.csv", text: "at,seconds\n0,210\n\n# later\n 12.5 , 180.25 \r\n3,60")
        #expect(
            trace.arrivals == [
                .init(at: 0, audio: 210), .init(at: 3, audio: 60), .init(at: 12.5, audio: 180.25),
            ])
        #expect(trace.span == 12.5)
    }

    @Test func jsonLines() throws {
        let trace = try Trace(
            name: "a.jsonl", text: "{\"at\": 1, \"seconds\": 210}\n{\"seconds\":3.5,\"at\":0.5,\"user\":\"x\"}")
        #expect(trace.arrivals == [.init(at: 0.5, audio: 3.5), .init(at: 1, audio: 210)])
    }

    @Test(arguments: [
        ("0,210\n1,x", "a.csv, line 2: The length \"x\" is not a number of seconds."),
        ("at,seconds\n\nsoon,3", "a.csv, line 3: The arrival \"soon\" is not a number of seconds."),
        ("0,1\nat,seconds", "a.csv, line 2: The arrival \"at\" is not a number of seconds."),
        (
            "12",
            "a.csv, line 1: There is one field in \"12\"; write the arrival in seconds from the start, a comma and the "
                + "seconds of audio, as in 12.5,210."
        ),
        (
            "1,2,3",
            "a.csv, line 1: There are 3 fields in \"1,2,3\"; write the arrival in seconds from the start, a comma and the "
                + "seconds of audio, as in 12.5,210."
        ),
        ("-1,210", "a.csv, line 1: The arrival -1.0 is not between 0 and 2678400 seconds."),
        ("1e12,210", "a.csv, line 1: The arrival 1000000000000.0 is not between 0 and 2678400 seconds."),
        ("nan,210", "a.csv, line 1: The arrival \"nan\" is not a number of seconds."),
        ("1,0", "a.csv, line 1: The length 0.0 is not above 0 and at most 86400 seconds."),
        ("1,", "a.csv, line 1: The length \"\" is not a number of seconds."),
        (
            "0,1\n{\"at\": 3}",
            "a.csv, line 2: \"{\"at\": 3}\" is not a record such as {\"at\": 12.5, \"seconds\": 210}."
        ),
        ("# nothing\n", "a.csv: There are no jobs in it."),
        ("", "a.csv: There are no jobs in it."),
    ])
    func aLineThatCannotBeReadIsNamed(text: String, sentence: String) {
        let error = #expect(throws: TraceError.self) { try Trace(name: "a.csv", text: text) }
        #expect(error?.description == sentence)
    }

    @Test(arguments: SampleTrace.allCases)
    func samplesAreTheSameEveryTimeAndSurviveText(sample: SampleTrace) throws {
        let trace = sample.make()
        #expect(trace == sample.make())
        #expect(try Trace(name: trace.name, text: trace.text) == trace)
    }

    @Test func theDayHasAHundredThousandJobs() {
        let day = SampleTrace.day.make()
        #expect(day.arrivals.count == 100_000)
        #expect(day.span > 86_000 && day.span <= 86_400)
    }
}
