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
        var generator = RandomNumbers(seed: 7)
        for _ in 0..<300 {
            var settings = Settings()
            settings.minReplicas = generator.next(in: 0...2)
            settings.maxReplicas = settings.minReplicas + generator.next(in: 1...15)
            settings.targetJobsPerWorker = generator.next(in: 1...5)
            settings.targetWait = .seconds(generator.next(in: 5...300))
            settings.stabilisationWindow = .seconds(generator.next(in: 0...60))
            settings.idleWindow = .seconds(generator.next(in: 0...60))
            settings.growthStep = generator.next(in: 1...10)
            var conditions = Conditions()
            conditions.podStart = Double(generator.next(in: 0...60))
            conditions.realTimeFactor = Double(generator.next(in: 1...150)) / 100
            conditions.grace = Double(generator.next(in: 0...30))
            conditions.workerMemory = 100
            conditions.memory = generator.next(in: 0...1) == 0 ? nil : Int64(generator.next(in: 100...1500))
            conditions.seed = UInt64(generator.next(in: 0...1000))
            let trace = Trace(
                name: "random",
                arrivals: (0..<generator.next(in: 1...120)).map { _ in
                    // Whole tens, so that many come at the same moment.
                    Trace.Arrival(
                        at: Double(generator.next(in: 0...120) * 10), audio: Double(generator.next(in: 1...600)))
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

/// SplitMix64.
struct RandomNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(in range: ClosedRange<Int>) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return range.lowerBound + Int((mixed ^ (mixed >> 31)) % UInt64(range.count))
    }
}
