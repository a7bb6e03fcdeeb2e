import Policy
import Testing

@Suite struct HoldingTests {
    @Test func nothingMovesWhileRedisIsAway() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .seconds(10) }
        timeline.has(4, busy: 1)
        timeline.every(0...9)
        timeline.redisFailure = "connection refused"
        timeline.every(10...40)
        #expect(timeline.replicas == 4)
        #expect(timeline.explanation == "holding: the jobs cannot be read (connection refused)")
    }

    @Test func afterALongGapAFullWindowIsWatchedAgain() throws {
        var timeline = try Timeline {
            $0.stabilisationWindow = .seconds(60)
            $0.longestGap = .seconds(15)
        }
        timeline.has(4)
        timeline.every(0...50)
        timeline.redisFailure = "timed out"
        timeline.every(51...80)
        timeline.redisFailure = nil
        timeline.every(81...140)
        #expect(timeline.replicas == 4)
        timeline.every(141...142)
        #expect(timeline.replicas == 1)
    }

    @Test func aMissedReadingDoesNotStartTheWindowAnew() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .seconds(60) }
        timeline.has(4)
        timeline.every(0...30)
        timeline.at(31) { $0.redisFailure = "timed out" }
        timeline.redisFailure = nil
        timeline.every(32...61)
        #expect(timeline.replicas == 1)
    }

    @Test func anOutageDoesNotCountAsIdleTime() throws {
        var timeline = try Timeline {
            $0.stabilisationWindow = .zero
            $0.idleWindow = .seconds(60)
        }
        timeline.has(1)
        timeline.at(0)
        timeline.redisFailure = "gone"
        timeline.every(1...100)
        timeline.redisFailure = nil
        timeline.every(101...150)
        #expect(timeline.replicas == 1)
        timeline.every(151...162)
        #expect(timeline.replicas == 0)
    }

    @Test func anUnreadableFleetIsLeftAlone() throws {
        var timeline = try Timeline()
        timeline.has(4)
        let decision = timeline.at(0) {
            $0.waiting = 100
            $0.apiFailure = "503"
        }
        #expect(decision.replicas == nil)
        #expect(decision.draining == nil)
        #expect(decision.explanation == "holding: the workers cannot be read (503)")
        #expect(decision.history == History())
    }

    @Test func holdingKeepsTheMarksOfThoseThatDrain() throws {
        var timeline = try Timeline()
        timeline.has(3, busy: 3, draining: true)
        let decision = timeline.at(0) { $0.redisFailure = "gone" }
        #expect(decision.draining == ["worker-0", "worker-1", "worker-2"])
    }

    @Test func aPauseStopsEverythingAndSaysWhatWouldBe() throws {
        var timeline = try Timeline()
        timeline.has(2, busy: 2)
        let decision = timeline.at(0) {
            $0.control = .paused
            $0.waiting = 18
        }
        #expect(decision.replicas == 2)
        #expect(decision.recommendation == 10)
        #expect(timeline.codes == ["demand-jobs", "paused"])
    }

    @Test func theWindowIsWatchedDuringAPause() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .seconds(30) }
        timeline.has(5)
        timeline.control = .paused
        timeline.every(0...60)
        #expect(timeline.replicas == 5)
        timeline.control = .automatic
        timeline.every(61...62)
        #expect(timeline.replicas == 1)
    }

    @Test func anOverrideIsNotAskedAboutDemandOrWindows() throws {
        var timeline = try Timeline()
        timeline.control = .override(15)
        timeline.at(0)
        #expect(timeline.replicas == 15)
        #expect(timeline.explanation == "set to 15 by the operator")
        timeline.control = .override(2)
        timeline.every(1...2)
        #expect(timeline.replicas == 2)
    }

    @Test func anOverrideStaysWithinBoundsAndMemory() throws {
        var timeline = try Timeline { $0.maxReplicas = 8 }
        timeline.headroom = .known(Headroom(request: 100, nodes: [650]))
        timeline.control = .override(50)
        timeline.at(0)
        #expect(timeline.replicas == 6)
        #expect(timeline.codes == ["override", "maximum", "memory-capped"])
    }

    @Test func anOverrideInterruptsNoJob() throws {
        var timeline = try Timeline()
        timeline.has(6, busy: 4)
        timeline.control = .override(1)
        timeline.every(0...5)
        #expect(timeline.replicas == 4)
        #expect(timeline.workers.count(where: \.draining) == 3)
    }

    @Test func anOverrideWorksWithoutRedis() throws {
        var timeline = try Timeline()
        timeline.redisFailure = "gone"
        timeline.control = .override(3)
        timeline.at(0)
        #expect(timeline.replicas == 3)
    }

    @Test func aLoweredMaximumDrainsTheBusyInsteadOfKillingThem() throws {
        var timeline = try Timeline { $0.maxReplicas = 2 }
        timeline.has(5, busy: 4)
        timeline.waiting = 50
        timeline.every(0...3)
        #expect(timeline.replicas == 4)
        #expect(timeline.workers.count(where: \.draining) == 2)
        timeline.workers[2].activity = .idle
        timeline.workers[3].activity = .idle
        timeline.inFlight = 2
        timeline.every(4...6)
        #expect(timeline.replicas == 2)
    }
}
