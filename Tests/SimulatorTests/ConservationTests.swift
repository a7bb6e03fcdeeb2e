import Pacing
import Policy
import Simulator
import Testing

/// What must hold for our policy whatever the trace, the settings and the cluster.
@Suite struct ConservationTests {
    @Test(arguments: SampleTrace.allCases)
    func everyJobOfTheSamplesIsDoneOnceAndNoneIsKilled(sample: SampleTrace) throws {
        var settings = Settings()
        settings.maxReplicas = sample.maxReplicas
        let trace = sample.make()
        let report = try Simulation.run(trace, PolicyScaler(settings), Conditions())
        expectConserved(report, trace, Conditions())
    }

    @Test func itHoldsInHundredsOfRandomClusters() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            var settings = Settings()
            settings.minReplicas = Int.random(in: 0...2, using: &generator)
            settings.maxReplicas = settings.minReplicas + Int.random(in: 1...15, using: &generator)
            settings.targetJobsPerWorker = Int.random(in: 1...5, using: &generator)
            settings.targetWait = .seconds(Int.random(in: 5...300, using: &generator))
            settings.stabilisationWindow = .seconds(Int.random(in: 0...60, using: &generator))
            settings.settleWindow = .seconds(Int.random(in: 0...300, using: &generator))
            settings.growthPause = .seconds(Int.random(in: 0...5, using: &generator))
            settings.idleWindow = .seconds(Int.random(in: 0...60, using: &generator))
            settings.growthStep = Int.random(in: 1...10, using: &generator)
            var conditions = Conditions()
            conditions.podStart = Double(Int.random(in: 0...60, using: &generator))
            conditions.realTimeFactor = Double(Int.random(in: 1...150, using: &generator)) / 100
            conditions.grace = Double(Int.random(in: 0...30, using: &generator))
            conditions.workerMemory = 100
            conditions.memory =
                Int.random(in: 0...1, using: &generator) == 0
                ? nil : Int64(Int.random(in: 100...1500, using: &generator))
            conditions.seed = UInt64(Int.random(in: 0...1000, using: &generator))
            let trace = Trace(
                name: "random",
                arrivals: (0..<Int.random(in: 1...120, using: &generator)).map { _ in
                    // Whole tens, so that many come at the same moment.
                    Trace.Arrival(
                        at: Double(Int.random(in: 0...120, using: &generator) * 10),
                        audio: Double(Int.random(in: 1...600, using: &generator)))
                })
            let report = try Simulation.run(trace, PolicyScaler(settings), conditions)
            expectConserved(report, trace, conditions)
            #expect(report.peak <= settings.maxReplicas)
            if let memory = conditions.memory {
                #expect(report.series.busy.allSatisfy { Int64($0) * conditions.workerMemory <= memory })
            }
        }
    }

    @Test func theSameSeedGivesTheSameReport() throws {
        let trace = SampleTrace.bursty.make()
        let first = try Simulation.run(trace, PolicyScaler(Settings()), Conditions())
        let second = try Simulation.run(trace, PolicyScaler(Settings()), Conditions())
        #expect(first.actions == second.actions)
        #expect(first.wait == second.wait)
        #expect(first.podHours == second.podHours)
    }

    private func expectConserved(_ report: SimulationReport, _ trace: Trace, _ conditions: Conditions) {
        #expect(report.jobs == trace.arrivals.count)
        #expect(report.done == report.jobs)
        #expect(report.doneTwice == 0)
        #expect(report.givenBack == 0)
        #expect(report.interruptions == 0, "no pod was told to go while it held a job")
        #expect(report.lostHours == 0)
        #expect(report.podHours >= report.workHours)
        let work = trace.arrivals.reduce(0) { $0 + $1.audio * conditions.realTimeFactor + conditions.jobOverhead }
        #expect(abs(report.workHours - work / 3600) < 1e-6 * work)
    }
}
