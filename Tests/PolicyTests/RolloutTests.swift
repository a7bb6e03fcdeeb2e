import Policy
import Testing

/// A Deployment whose template changes: old and new workers live beside each other, more than are set.
@Suite struct RolloutTests {
    private func decide(
        replicas: Int, old: Int, new: [Replica.Phase], busy: Int = 0, waiting: Int = 0, after window: Int = 60,
        headroom: Headroom = .unlimited, _ change: (inout Settings) -> Void = { _ in }
    ) throws -> Decision {
        var settings = Settings()
        settings.targetJobsPerWorker = 1
        change(&settings)
        let policy = try ScalingPolicy(settings)
        let workers =
            (0..<old).map {
                Replica(id: "old-\($0)", activity: $0 < busy ? .busy(progress: 0.5) : .idle, revision: "a")
            }
            + new.enumerated().map { Replica(id: "new-\($0.offset)", phase: $0.element, revision: "b") }
        var history = History()
        var decision: Decision?
        for second in 0...window {
            let next = policy.decide(
                Observation(
                    backlog: .known(Backlog(waiting: waiting, inFlight: busy)),
                    fleet: .known(Fleet(replicas: replicas, workers: workers)), headroom: .known(headroom)),
                history: history, now: Moment(.seconds(second)))
            history = next.history
            decision = next
        }
        return try #require(decision)
    }

    @Test func surgeWorkersDoNotLiftTheNumber() throws {
        // In the middle of a burst, at the maximum.
        let atMaximum = try decide(replicas: 6, old: 6, new: [.starting(.seconds(1)), .ready], busy: 6, waiting: 30) {
            $0.maxReplicas = 6
        }
        #expect(atMaximum.replicas == 6)
        // Without any job, with a fixed number.
        let idle = try decide(replicas: 4, old: 3, new: [.ready, .starting(.seconds(1))]) {
            ($0.minReplicas, $0.maxReplicas) = (4, 4)
        }
        #expect(idle.replicas == 4 && idle.draining == [])
    }

    @Test func busySurgeWorkersAreNoDemand() throws {
        let decision = try decide(replicas: 3, old: 4, new: [.ready], busy: 4)
        #expect(decision.replicas == 3 && decision.recommendation == 3)
        let shared = try decide(replicas: 3, old: 5, new: [.ready], busy: 5) { $0.targetJobsPerWorker = 5 }
        #expect(shared.replicas == 3 && shared.recommendation == 3)
        let more = try decide(replicas: 3, old: 4, new: [.ready], busy: 4, waiting: 2)
        #expect(more.replicas == 5, "what waits is demand")
    }

    @Test func whatTheOldStillFinishNeedsNobodyElse() throws {
        let policy = try ScalingPolicy(Settings())
        let ending = (0..<3).map { Replica(id: "old-\($0)", phase: .terminating, activity: .busy(progress: 0.5)) }
        let fleet = Fleet(replicas: 1, workers: ending + [Replica(id: "new", activity: .busy(progress: 0))])
        let decision = policy.decide(
            Observation(
                backlog: .known(Backlog(waiting: 0, inFlight: 4)), fleet: .known(fleet), headroom: .known(.unlimited)),
            history: History(), now: Moment(.zero))
        #expect(decision.replicas == 1)
    }

    @Test func nobodyIsToldToGoWhileTwoVersionsLive() throws {
        let decision = try decide(replicas: 5, old: 4, new: [.ready, .starting(.seconds(2))], busy: 1)
        #expect(decision.replicas == 5)
        #expect(decision.target == 1)
        #expect(decision.draining == [] && decision.leaving == [])
        #expect(decision.reasons.last == .rollingOut(target: 1))
        #expect(decision.explanation.hasSuffix("not shrinking to 1: a new version is being rolled out"))
    }

    @Test func surgeWorkersTakeNoRoomFromTheNumber() throws {
        // Eight have a place, six are set: when the two are gone, there is room for eight, not for ten.
        let decision = try decide(
            replicas: 6, old: 6, new: [.ready, .ready], busy: 6, waiting: 30,
            headroom: Headroom(request: 100, nodes: [0], quotas: [.init(resource: "pods", workers: 1)]))
        #expect(decision.replicas == 6)
    }

    @Test func workersThatTheListDoesNotShowYetAreNotGivenUp() throws {
        let policy = try ScalingPolicy(Settings())
        let fleet = Fleet(replicas: 4, workers: [Replica(id: "a")], created: 4)
        let decision = policy.decide(
            Observation(
                backlog: .known(Backlog(waiting: 0, inFlight: 4)), fleet: .known(fleet), headroom: .known(.unlimited),
                control: .override(1)), history: History(), now: Moment(.zero))
        #expect(decision.replicas == 4)
    }

    @Test func workersThatNobodyAskedForGoAtOnce() throws {
        let policy = try ScalingPolicy(Settings())
        func decide(waiting: Int) -> Decision {
            let fleet = Fleet(replicas: 1, workers: [Replica(id: "a", phase: .pending(.zero))], isAsCreated: true)
            return policy.decide(
                Observation(
                    backlog: .known(Backlog(waiting: waiting)), fleet: .known(fleet), headroom: .known(.unlimited)),
                history: History(), now: Moment(.zero))
        }
        #expect(decide(waiting: 0).replicas == 0)
        #expect(decide(waiting: 0).reasons.contains(.neverWanted))
        #expect(decide(waiting: 1).replicas == 1)
    }

    @Test func whatIsToldOfAChangeDoesNotContradictIt() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .seconds(5) }
        timeline.has(4, busy: 2)
        timeline.workers[3].draining = true
        timeline.every(0...5)
        let last = timeline.at(6)
        #expect(last.explanation.contains("draining before shrinking") || timeline.replicas < 4)
        let decision = Decision(
            replicas: 3, target: 1, recommendation: 1, draining: [],
            reasons: [.noJobs, .stabilising(at: 3, for: .seconds(3)), .busy(2, target: 1), .draining(2, target: 1)],
            history: History())
        #expect(decision.explanation(ofGrowth: false) == "no jobs; 3 workers wanted lately: kept for 3 s more")
    }
}
