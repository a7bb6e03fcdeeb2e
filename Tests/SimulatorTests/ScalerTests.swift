import Policy
import Simulator
import Testing

@Suite struct ScalerTests {
    /// Ten half-hour mixes at once: each is ten minutes of work, during which the list is empty.
    let mixes = Trace(name: "mixes", arrivals: (0..<10).map { .init(at: Double($0), audio: 2000) })

    /// What every scaler is given alike.
    static var conditions: Conditions {
        var conditions = Conditions()
        conditions.coldShare = 0
        return conditions
    }

    @Test func aScalerThatSeesOnlyTheListTellsTheBusyToGo() throws {
        let report = try Simulation.run(mixes, KEDAScaler(Settings()), Conditions())
        #expect(report.interruptions > 0)
        #expect(report.done == 10, "they are given the time that our manifests give, and finish")
        var conditions = Conditions()
        conditions.grace = 30
        let hasty = try Simulation.run(mixes, KEDAScaler(Settings()), conditions)
        #expect(hasty.givenBack > 0 && hasty.lostHours > 0)
    }

    @Test func oursTellsNoneOfThemToGo() throws {
        let report = try Simulation.run(mixes, PolicyScaler(Settings()), Conditions())
        #expect(report.interruptions == 0 && report.givenBack == 0)
        #expect(report.done == 10)
    }

    @Test func scalingOnCPUKeepsAPodForEver() throws {
        let report = try Simulation.run(mixes, CPUScaler(Settings()), Conditions())
        #expect(report.actions.last?.to == 1)
        #expect(report.series.workers.last == 1)
    }

    @Test func oneWhoKnowsTheFutureLetsNobodyWait() throws {
        let songs = Trace(name: "songs", arrivals: (0..<40).map { .init(at: 200 + Double($0) * 7, audio: 200) })
        let settings = Settings()
        let report = try Simulation.run(
            songs, ClairvoyantScaler(songs, settings, Self.conditions), Self.conditions)
        #expect(report.wait.max == 0)
        #expect(report.interruptions == 0 && report.utilisation > 0.75)
        for other in rivals(songs, settings, Self.conditions) {
            let theirs = try Simulation.run(songs, other, Self.conditions)
            #expect(theirs.done == 40, "\(other.name)")
            #expect(theirs.wait.mean >= report.wait.mean, "\(other.name)")
        }
    }

    @Test func aPodForEachJobPaysForAStartOfEach() throws {
        let songs = Trace(name: "songs", arrivals: (0..<10).map { .init(at: 10 + Double($0) * 100, audio: 200) })
        let report = try Simulation.run(songs, ScaledJobScaler(Settings()), Self.conditions)
        #expect(report.done == 10 && report.interruptions == 0)
        #expect(report.wait.p50 >= Self.conditions.podStart * 0.7)
        #expect(report.actions.count == 10 && report.peak == 1)
        #expect(abs(report.podHours * 3600 - report.workHours * 3600 - 100) < 40)
    }

    @Test func inAPanicNothingIsScaledDown() throws {
        let burst = Trace(name: "burst", arrivals: (0..<12).map { .init(at: 100 + Double($0) / 10, audio: 20) })
        let report = try Simulation.run(burst, KPAScaler(Settings()), Self.conditions)
        #expect(report.peak == 12)
        #expect(report.actions.filter { $0.to < $0.from }.allSatisfy { $0.at > 160 })
    }

    @Test func tunedKEDAKeepsWhatItsWindowSays() throws {
        let songs = Trace(name: "songs", arrivals: (0..<8).map { _ in .init(at: 20, audio: 200) })
        let ends = try [30, 300].map { window in
            let report = try Simulation.run(
                songs, KEDAScaler(Settings(), .tuned(window: window)), Self.conditions)
            #expect(report.peak == 8)
            return report.actions.last?.at ?? 0
        }
        #expect(ends[1] - ends[0] > 200)
    }

    @Test func theFirstWorkerIsAskedForWithTheFirstJobAndTheLastGoesAfterTheIdleWindow() throws {
        let song = Trace(name: "song", arrivals: [.init(at: 500.3, audio: 200)])
        let conditions = Self.conditions
        let report = try Simulation.run(song, PolicyScaler(Settings()), conditions)
        let changes = report.actions.map { [$0.from, $0.to] }
        #expect(changes == [[0, 1], [1, 0]])
        #expect(report.actions[0].at == 500.3)
        let idleSince = 500.3 + report.turnaround.max
        #expect(report.actions[1].at >= idleSince + 120)
        #expect(report.actions[1].at <= idleSince + 123)
        #expect(report.wait.max >= conditions.podStart * 0.7)
        #expect(report.wait.max <= conditions.podStart * 1.3)
        #expect(report.actions[1].why.contains("no work for 2 min"))
    }

    @Test func inBurstsOursTakesFewerPodHoursThanWhoeverWaitsNoLonger() throws {
        let trace = SampleTrace.bursty.make()
        let ours = try Simulation.run(trace, PolicyScaler(Settings()), Conditions())
        #expect(ours.interruptions == 0)
        for other in rivals(trace, Settings(), Conditions()) where other.name != "clairvoyant" {
            let theirs = try Simulation.run(trace, other, Conditions())
            #expect(
                theirs.wait.p95 > ours.wait.p95 || theirs.podHours > ours.podHours || theirs.interruptions > 0,
                "\(other.name) is better in everything")
        }
    }

    @Test func memoryLimitsTheFleet() throws {
        var conditions = Conditions()
        conditions.memory = 3 * conditions.workerMemory + 5
        let songs = Trace(name: "songs", arrivals: (0..<12).map { _ in .init(at: 5, audio: 200) })
        let report = try Simulation.run(songs, PolicyScaler(Settings()), conditions)
        #expect(report.peak == 3)
        #expect(report.actions.contains { $0.why.contains("capped: memory 3 of 10") })
    }

    @Test func whatIsNeverDoneEndsTheSimulationAllTheSame() throws {
        var conditions = Conditions()
        conditions.podStart = 86_400
        conditions.podStartSpread = 0
        let song = Trace(name: "songs", arrivals: [.init(at: 0, audio: 80_000), .init(at: 1, audio: 80_000)])
        conditions.realTimeFactor = 10
        let report = try Simulation.run(song, PolicyScaler(Settings()), conditions)
        #expect(report.done == 0)
        #expect("\(ReportTable([report]))".contains("msaas: 2 of 2 jobs were still not done after two days."))
    }

    @Test func conditionsThatCannotBeAreNamed() {
        var conditions = Conditions()
        conditions.realTimeFactor = 0
        let error = #expect(throws: ConditionsError.self) { try conditions.validate() }
        #expect(error?.description == "The real-time factor is 0.0, but it must be from 0.0001 to 1000.0.")
        conditions = Conditions()
        conditions.memory = 1
        #expect(throws: ConditionsError.self) { try conditions.validate() }
    }
}
