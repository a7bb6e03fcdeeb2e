import Policy
import Testing

@Suite struct VictimTests {
    let fleet = Fleet(
        replicas: 7,
        workers: [
            Replica(id: "silent", activity: .unknown),
            Replica(id: "nearly-done", activity: .busy(progress: 0.9)),
            Replica(id: "just-begun", activity: .busy(progress: 0.1)),
            Replica(id: "idle"),
            Replica(id: "idle-draining", draining: true),
            Replica(id: "starting", phase: .starting(.seconds(3))),
            Replica(id: "pending", phase: .pending(.seconds(3))),
            Replica(id: "leaving", phase: .terminating),
        ])

    @Test func whoGoesCostsLeast() {
        #expect(
            fleet.victims(10).map(\.id) == [
                "pending", "starting", "idle-draining", "idle", "just-begun", "nearly-done", "silent",
            ])
        #expect(fleet.victims(2).map(\.id) == ["pending", "starting"])
        #expect(fleet.victims(0).isEmpty)
        #expect(fleet.victims(-3).isEmpty)
    }

    @Test func ofEqualsTheNewerGoes() {
        let fleet = Fleet(replicas: 3, workers: ["a", "b", "c"].map { Replica(id: $0) })
        #expect(fleet.victims(2).map(\.id) == ["c", "b"])
    }

    @Test func marksDoNotWanderWithProgress() {
        let fleet = Fleet(
            replicas: 2,
            workers: [
                Replica(id: "marked", activity: .busy(progress: 0.4), draining: true),
                Replica(id: "other", activity: .busy(progress: 0.3)),
            ])
        #expect(fleet.victims(1).map(\.id) == ["marked"])
    }

    @Test func theFleetCountsItsOwn() {
        #expect(fleet.busy == 3)
        #expect(fleet.idle == 2)
        #expect(fleet.ready == 5)
        #expect(fleet.draining == ["idle-draining"])
    }

    @Test func aFleetAboutToShrinkToItsReplicasIsNotShrunkTwice() throws {
        // Patched to 2 a moment ago; the third, drained, is not marked as leaving yet.
        var timeline = try Timeline { $0.stabilisationWindow = .zero }
        timeline.has(3, busy: 2)
        timeline.workers[2].draining = true
        var fleet = timeline.fleet
        fleet.replicas = 2
        let decision = timeline.policy.decide(
            Observation(
                backlog: .known(Backlog(waiting: 0, inFlight: 2)), fleet: .known(fleet), headroom: .known(.unlimited)),
            history: History(), now: Moment(.zero))
        #expect(decision.replicas == 2)
    }
}
