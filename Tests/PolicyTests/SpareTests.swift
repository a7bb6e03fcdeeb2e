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
        #expect(timeline.replicas == 41, "one of them is left, though their share is 3 by now")
        for (second, waiting) in zip(1801..., [1, 2, 3, 0, 2, 1, 0]) {
            timeline.at(Double(second)) { $0.waiting = waiting }
            #expect(timeline.replicas == 44)
        }
        timeline.at(1900) { $0.waiting = 4 }
        #expect(timeline.replicas == 47, "none was left")
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

/// Workers for what comes while the demand rises.
@Suite struct TrendTests {
    private func timeline(_ change: (inout Settings) -> Void = { _ in }) throws -> Timeline {
        try Timeline {
            $0.trendPercent = 100
            $0.targetJobsPerWorker = 1
            $0.maxReplicas = 100
            $0.growthStep = 100
            $0.settleWindow = .seconds(300)
            change(&$0)
        }
    }

    @Test func asManyMoreAreAskedForAsHaveJustCome() throws {
        var timeline = try timeline()
        for second in 0...6 { timeline.at(Double(second)) { $0.waiting = second } }
        // Of the six that have come two are taken for chance.
        #expect(timeline.replicas == 6 + 4)
        timeline.at(7) { $0.waiting = 12 }
        #expect(timeline.replicas == 12 + 10)
        #expect(timeline.explanation.contains("10 more, as the demand has risen within 15 s"))
    }

    @Test(arguments: [0, 50, 200]) func theShareIsTheOperators(percent: Int) throws {
        var timeline = try timeline { $0.trendPercent = percent }
        timeline.at(0)
        timeline.at(10) { $0.waiting = 10 }
        #expect(timeline.replicas == 10 + max(0, 10 * percent / 100 - 2))
    }

    @Test func twoSongsTogetherAreNoRise() throws {
        var timeline = try timeline()
        timeline.at(0)
        timeline.at(1) { $0.waiting = 2 }
        #expect(timeline.replicas == 2)
        timeline.every(2...40)
        timeline.at(41) { $0.waiting = 4 }
        #expect(timeline.replicas == 4)
    }

    /// What was not watched, or is longer ago than a period, is no rise: after a restart a full queue is only what it is.
    @Test func onlyWhatWasWatchedRises() throws {
        var timeline = try timeline()
        timeline.at(0) { $0.waiting = 20 }
        #expect(timeline.replicas == 20)
        timeline.at(16) { $0.waiting = 40 }
        #expect(timeline.replicas == 40)
        timeline.restart()
        timeline.at(17) { $0.waiting = 60 }
        #expect(timeline.replicas == 60)
    }

    /// Else each burst would be paid for twice, for the whole of the long window.
    @Test func whatOnlyTheRiseAskedForIsNotKeptLong() throws {
        var timeline = try timeline()
        timeline.has(20, busy: 20)
        timeline.every(0...400)
        for second in 401...410 { timeline.at(Double(second)) { $0.waiting += 1 } }
        let highest = timeline.replicas
        #expect(highest > 35)
        timeline.every(411...420)
        #expect(timeline.replicas == highest)
        // The rise is over after 15 s, and the short window 30 s later.
        timeline.every(421...460)
        #expect(timeline.replicas == 30)
    }

    @Test func itIsNoTroubleAtTheLimits() throws {
        var timeline = try timeline { $0.maxReplicas = 12 }
        timeline.at(0)
        timeline.at(5) { $0.waiting = 10 }
        #expect(timeline.replicas == 12 && !timeline.codes.contains("maximum"))
        var small = try self.timeline()
        small.headroom = .known(Headroom(request: 100, nodes: [1100]))
        small.at(0)
        small.at(5) { $0.waiting = 10 }
        #expect(small.replicas == 11 && !small.codes.contains("memory-capped"))
    }
}
