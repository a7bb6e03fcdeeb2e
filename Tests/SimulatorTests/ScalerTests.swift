import Policy
import Simulator
import Testing

@Suite struct ScalerTests {
    /// Ten half-hour mixes at once: each is ten minutes of work, during which the list is empty.
    let mixes = Trace(name: "mixes", arrivals: (0..<10).map { .init(at: Double($0), audio: 2000) })

    @Test func aScalerThatSeesOnlyTheListKillsWhatIsInFlight() throws {
        let report = try Simulation.run(mixes, KEDAScaler(Settings()), Conditions())
        #expect(report.kills > 0)
        #expect(report.lostHours > 0)
        #expect(report.done + report.dead == 10)
    }

    @Test func oursKillsNoneOfThem() throws {
        let report = try Simulation.run(mixes, PolicyScaler(Settings()), Conditions())
        #expect(report.kills == 0)
        #expect(report.done == 10)
    }

    @Test func aJobThatIsAlwaysKilledIsGivenUp() throws {
        let mix = Trace(name: "mix", arrivals: [.init(at: 0, audio: 4000)])
        let report = try Simulation.run(mix, KEDAScaler(Settings()), Conditions())
        #expect(report.dead == 1)
        #expect(report.done == 0)
        #expect(report.kills == Conditions().attempts)
    }

    @Test func scalingOnCPUKeepsAPodForEver() throws {
        let report = try Simulation.run(mixes, HPAScaler(Settings()), Conditions())
        #expect(report.actions.last?.to == 1)
        #expect(report.series.workers.last == 1)
    }

    @Test func theFirstWorkerIsAskedForWithTheFirstJobAndTheLastGoesAfterTheIdleWindow() throws {
        let song = Trace(name: "song", arrivals: [.init(at: 500.3, audio: 200)])
        let conditions = Conditions()
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

    @Test func oursWaitsLessThanBothOthersForNoMorePodHoursWhenJobsComeInBursts() throws {
        let trace = SampleTrace.bursty.make()
        let ours = try Simulation.run(trace, PolicyScaler(Settings()), Conditions())
        for other in [KEDAScaler(Settings()), HPAScaler(Settings())] as [any Scaler] {
            let theirs = try Simulation.run(trace, other, Conditions())
            #expect(ours.wait.p95 < theirs.wait.p95, "\(other.name)")
            #expect(ours.podHours <= theirs.podHours, "\(other.name)")
            #expect(ours.kills == 0 && theirs.kills > 0, "\(other.name)")
        }
    }

    @Test func memoryLimitsTheFleet() throws {
        var conditions = Conditions()
        conditions.memory = 3 * conditions.workerMemory + 5
        let songs = Trace(name: "songs", arrivals: (0..<12).map { _ in .init(at: 5, audio: 200) })
        let report = try Simulation.run(songs, PolicyScaler(Settings()), conditions)
        #expect(report.peak == 3)
        #expect(report.actions.contains { $0.why.contains("capped: memory 3 of 6") })
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
