import Policy
import Testing

/// Few changes for the same waits: what comes and goes by chance is not followed, the end of a burst is.
@Suite struct SettlingTests {
    private func timeline() throws -> Timeline {
        try Timeline {
            $0.targetJobsPerWorker = 1
            $0.maxReplicas = 100
            $0.stabilisationWindow = .seconds(30)
            $0.settleWindow = .seconds(300)
            $0.growthPause = .seconds(2)
            $0.growthStep = 100
        }
    }

    @Test func aSmallSurplusStaysForTheLongWindow() throws {
        var timeline = try timeline()
        timeline.has(20, busy: 20)
        timeline.every(0...60)
        timeline.inFlight = 15
        for index in 15..<20 { timeline.workers[index].activity = .idle }
        timeline.every(61...350)
        #expect(timeline.replicas == 20)
        #expect(timeline.codes.contains("stabilising"))
        timeline.every(351...375)
        #expect(timeline.replicas == 15)
    }

    @Test func theEndOfABurstIsFollowedAtOnce() throws {
        var timeline = try timeline()
        timeline.has(20, busy: 20)
        timeline.every(0...60)
        timeline.inFlight = 4
        for index in 4..<20 { timeline.workers[index].activity = .idle }
        timeline.every(61...93)
        #expect(timeline.replicas == 4)
    }

    /// A new controller has not watched the long window yet.
    @Test func aSmallSurplusIsWatchedFirst() throws {
        var timeline = try timeline()
        timeline.has(20, busy: 15)
        timeline.every(0...299)
        #expect(timeline.replicas == 20 && timeline.codes.contains("watching"))
        timeline.every(300...310)
        #expect(timeline.replicas == 15)
    }

    @Test func jobsThatComeOneByOneMakeFewPatches() throws {
        var timeline = try timeline()
        var patches = 0
        for step in 0..<100 {
            let before = timeline.replicas
            timeline.at(Double(step) * 0.2) { $0.waiting = step / 5 + 1 }
            if timeline.replicas != before { patches += 1 }
            if step == 0 { #expect(timeline.replicas == 1, "the first job never waits") }
        }
        #expect(timeline.replicas >= 19 && patches <= 11, "\(patches)")
        #expect(timeline.last?.reasons.map(\.code).contains("growth-paused") == true)
    }
}
