import Policy
import Testing

/// Workers beyond the demand: how many is learnt, and what they may cost is bounded.
@Suite struct SpareTests {
    private func timeline(_ change: (inout Settings) -> Void = { _ in }) throws -> Timeline {
        try Timeline {
            $0.sparePercent = 10
            $0.targetJobsPerWorker = 1
            $0.maxReplicas = 100
            change(&$0)
        }
    }

    @Test func theyFollowWhatWorkedLately() throws {
        var timeline = try timeline()
        timeline.has(20, busy: 20)
        timeline.at(0)
        #expect(timeline.replicas == 20, "nothing has been learnt yet")
        timeline.every(1...1800)
        #expect(timeline.replicas == 21, "no more than their share: 10 % of 19")
        #expect(timeline.explanation.contains("1 more for what may come, 10 % of what worked lately"))
    }

    @Test func aFleetThatIsRarelyUsedKeepsNone() throws {
        var timeline = try timeline()
        timeline.has(3, busy: 3)
        timeline.every(0...3600)
        #expect(timeline.replicas == 3)
    }

    @Test func theyGoWhenNothingComes() throws {
        var timeline = try timeline()
        timeline.has(30, busy: 30)
        timeline.every(0...1800)
        for index in timeline.workers.indices { timeline.workers[index].activity = .idle }
        timeline.inFlight = 0
        var spare = 0
        for second in 1801...7200 {
            timeline.at(Double(second))
            spare += timeline.replicas
        }
        #expect(timeline.replicas == 0)
        // A tenth of the work in seconds, and the windows at the beginning and the end.
        let budget = 5400 + 5760
        #expect(spare <= budget)
    }

    @Test func withinTheirMarginTheNumberStays() throws {
        var timeline = try timeline()
        timeline.has(40, busy: 40)
        timeline.every(0...1800)
        #expect(timeline.replicas == 43)
        for (second, waiting) in zip(1801..., [1, 0, 1, 1, 0]) {
            timeline.at(Double(second)) { $0.waiting = waiting }
            #expect(timeline.replicas == 43)
        }
        timeline.at(1900) { $0.waiting = 3 }
        #expect(timeline.replicas == 46)
    }

    @Test func theyAreNoTroubleAtTheLimits() throws {
        var timeline = try timeline()
        timeline.has(20, busy: 20)
        timeline.headroom = .known(Headroom(request: 100, nodes: [100]))
        timeline.every(0...1800)
        #expect(timeline.replicas == 21)
        #expect(!timeline.codes.contains("memory-capped"))
        timeline.headroom = .unknown("forbidden")
        timeline.every(1801...1900)
        #expect(timeline.replicas == 21)
        #expect(!timeline.codes.contains("memory-unknown"))
        var full = try self.timeline { $0.maxReplicas = 20 }
        full.has(20, busy: 20)
        full.every(0...1800)
        #expect(!full.codes.contains("maximum"))
    }
}
