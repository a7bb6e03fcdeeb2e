import Policy
import Simulator
import Testing

/// The policy for functions against traces of requests.
@Suite struct RequestTests {
    private static var quick: Conditions {
        var conditions = Conditions()
        (conditions.podStart, conditions.podStartSpread, conditions.coldShare) = (2, 0, 0)
        return conditions
    }

    private func run(
        _ trace: RequestTrace, _ change: (inout ConcurrencySettings) -> Void = { _ in },
        _ service: RequestSimulation.Service = .init()
    ) throws -> RequestReport {
        var settings = ConcurrencySettings()
        settings.maxReplicas = 100
        change(&settings)
        return try RequestSimulation.run(trace, ConcurrencyPolicy(settings), Self.quick, service)
    }

    /// 200 a second of 50 ms each are 10 in flight: as long as one pod is there for 16, one is enough.
    @Test func aSteadyLoadKeepsWhatItNeeds() throws {
        let steady = RequestTrace(name: "steady", steps: [.init(at: 0, rate: 200), .init(at: 600, rate: 0)])
        let one = try run(steady)
        #expect(one.actions.isEmpty && one.peak == 1 && one.refused == 0 && one.crowded == 0)
        #expect(abs(one.podHours - 600 / 3600.0) < 1e-6 && abs(one.requests - 120_000) < 1)
        // There for 4 each, three are needed, and no fourth.
        let three = try run(steady) { $0.targetConcurrency = 4 }
        #expect(three.actions.last?.to == 3 && three.peak == 3)
    }

    @Test func aFloodIsServedAndTheFleetIsSmallAgain() throws {
        let report = try run(SampleRequests.flood.make())
        // The one pod shows the 64 that it takes, and no more. Four, there for 16 each, have room for all 100.
        #expect(report.peak == 4)
        #expect(report.actions.last?.to == 1)
        #expect(report.actions.first?.why.contains("burst: ") == true)
        // Until the new ones are up one pod has room for 64 of 100.
        #expect(report.refused > 0 && report.refused < 2000 * 0.36 * 4)
        // Windows are what keeps them: nothing goes before a whole one.
        let back = try #require(report.actions.first { $0.to < $0.from })
        #expect(back.at >= 120 + 60)
    }

    @Test func aLongerPanicWindowIsLater() throws {
        let flood = SampleRequests.flood.make()
        let quick = try run(flood)
        let slow = try run(flood) { $0.panicWindow = .seconds(10) }
        #expect(slow.refused > quick.refused)
        let brief = try run(flood) { $0.stableWindow = .seconds(10) }
        #expect(brief.podHours < quick.podHours)
    }

    /// Nothing is lost on the way: what comes is refused, done, or in flight at the end.
    @Test func whatHasNoRoomIsRefused() throws {
        let trace = RequestTrace(name: "much", steps: [.init(at: 0, rate: 10_000), .init(at: 100, rate: 0)])
        let report = try run(trace) { $0.maxReplicas = 1 }
        // One pod takes 64 at once, so 1280 a second.
        #expect(abs(report.refused / report.requests - 0.872) < 0.01)
        #expect(report.crowded == report.requests)
    }

    @Test func aTraceOfRequestsIsRead() throws {
        let text = "# of a function\nat,requests\n0,10\n\n60, 2000\n80,0\n"
        #expect(RequestTrace.isRequests(text) && !RequestTrace.isRequests("at,seconds\n0,10\n"))
        let trace = try RequestTrace(name: "mine", text: text)
        #expect(trace.steps.map(\.rate) == [10, 2000, 0])
        #expect(trace.span == 80 && trace.requests == 40_600)
        for (bad, sentence) in [
            ("at,requests\n0,x\n", "mine, line 2: \"0,x\" is no step such as 60,2000: seconds, requests a second."),
            ("at,requests\n0,1\n-1,2\n", "mine, line 3: The time -1.0 is not between 0 and 2678400 seconds."),
            ("at,requests\n0,nan\n", "mine, line 2: The rate nan is not between 0 and 1000000000."),
            ("at,requests\n0,1\n", "mine: A trace of requests has two lines or more: the last is its end."),
        ] {
            let error = #expect(throws: TraceError.self) { try RequestTrace(name: "mine", text: bad) }
            #expect(error?.description == sentence)
        }
    }
}
