import Policy
import Testing

@Suite struct ShrinkingTests {
    @Test func theFleetStaysAsLargeAsWasWantedInTheWindow() throws {
        var timeline = try Timeline {
            $0.stabilisationWindow = .seconds(60)
            $0.idleWindow = .seconds(10)
        }
        timeline.every(0...60)
        timeline.at(61) { $0.waiting = 12 }
        #expect(timeline.replicas == 6)
        timeline.at(62) { $0.waiting = 4 }
        #expect(timeline.replicas == 6)
        #expect(timeline.explanation.contains("6 workers wanted lately: kept for 59 s more"))
        timeline.every(63...121)
        #expect(timeline.replicas == 6)
        timeline.every(122...123)
        #expect(timeline.replicas == 2)
    }

    @Test func aLullBetweenBurstsShrinksNothing() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .seconds(60) }
        timeline.every(0...60)
        for burst in 0..<5 {
            let start = 61 + burst * 50
            timeline.waiting = 10
            timeline.at(Double(start))
            timeline.waiting = 0
            timeline.every(start + 1...start + 49)
            #expect(timeline.replicas == 5)
        }
    }

    @Test func theLastWorkerStaysForTheIdleWindow() throws {
        var timeline = try Timeline {
            $0.stabilisationWindow = .seconds(10)
            $0.idleWindow = .seconds(60)
        }
        timeline.at(0) { $0.waiting = 6 }
        #expect(timeline.replicas == 3)
        timeline.waiting = 0
        timeline.every(1...20)
        #expect(timeline.replicas == 1)
        #expect(timeline.explanation.contains("keeping the last worker for 40 s more"))
        timeline.every(21...59)
        #expect(timeline.replicas == 1)
        timeline.every(60...61)
        #expect(timeline.replicas == 0)
        #expect(timeline.codes.first == "no-jobs")
        timeline.at(62) { $0.waiting = 1 }
        #expect(timeline.replicas == 1)
    }

    @Test func aMinimumKeepsTheFleetFromZero() throws {
        var timeline = try Timeline {
            $0.minReplicas = 1
            $0.stabilisationWindow = .zero
            $0.idleWindow = .zero
        }
        timeline.has(3)
        timeline.every(0...10)
        #expect(timeline.replicas == 1)
    }

    @Test func afterARestartNothingShrinksBeforeAFullWindow() throws {
        var timeline = try Timeline {
            $0.stabilisationWindow = .seconds(120)
            $0.idleWindow = .seconds(300)
        }
        timeline.has(8)
        timeline.every(0...100)
        timeline.restart()
        timeline.every(101...220)
        #expect(timeline.replicas == 8)
        #expect(timeline.codes.contains("watching"))
        timeline.every(221...222)
        #expect(timeline.replicas == 1)
    }

    @Test func afterARestartTheFleetStillGrows() throws {
        var timeline = try Timeline()
        timeline.has(2, busy: 2)
        timeline.restart()
        timeline.at(0) { $0.waiting = 8 }
        #expect(timeline.replicas == 5)
    }

    @Test func anEmptyFleetStaysEmptyAfterARestart() throws {
        var timeline = try Timeline()
        timeline.every(0...600)
        #expect(timeline.replicas == 0)
    }

    @Test func idleWorkersDrainBeforeTheyGo() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .seconds(5) }
        timeline.has(3, busy: 1)
        timeline.every(0...4)
        let marking = timeline.at(5)
        #expect(marking.replicas == 3, "marked, not yet removed: it could still claim")
        #expect(marking.draining == ["worker-2", "worker-1"])
        #expect(marking.reasons.last == .draining(2, target: 1))
        let removing = timeline.at(6)
        #expect(removing.replicas == 1)
    }

    @Test func busyWorkersAreNeverRemoved() throws {
        var timeline = try Timeline {
            $0.targetJobsPerWorker = 4
            $0.stabilisationWindow = .seconds(5)
        }
        timeline.has(8, busy: 8)
        timeline.every(0...100)
        #expect(timeline.replicas == 8)
        #expect(timeline.explanation == "0 waiting and 8 in flight, 4 a worker: 2 workers; 8 workers busy")
        timeline.workers[3].activity = .idle
        timeline.inFlight = 7
        timeline.every(101...108)
        #expect(timeline.replicas == 7)
        #expect(!timeline.workers.contains { $0.id == "worker-3" })
    }

    @Test func drainingWorkersAreTakenBackWhenJobsCome() throws {
        var timeline = try Timeline()
        timeline.has(4, busy: 4)
        timeline.control = .override(1)
        timeline.every(0...10)
        #expect(timeline.workers.count(where: \.draining) == 3)
        #expect(timeline.explanation.contains("4 workers busy: not shrinking to 1 yet"))
        timeline.at(11) {
            $0.control = .automatic
            $0.waiting = 10
        }
        #expect(timeline.workers.allSatisfy { !$0.draining })
        #expect(timeline.replicas == 7)
    }

    @Test func aWorkerThatDoesNotReportCountsAsBusy() throws {
        var timeline = try Timeline {
            $0.stabilisationWindow = .seconds(5)
            $0.idleWindow = .seconds(5)
        }
        timeline.has(2)
        timeline.workers[0].activity = .unknown
        timeline.every(0...60)
        #expect(timeline.workers.map(\.id) == ["worker-0"])
    }

    @Test func aBusyWorkerThatIsNotReadyStopsAllShrinking() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .seconds(5) }
        timeline.has(3, busy: 1)
        timeline.workers[0].phase = .starting(.seconds(5))
        timeline.every(0...20)
        #expect(timeline.replicas == 3, "a ReplicaSet would remove the unready one first")
        #expect(timeline.codes.contains("busy-not-ready"))
        timeline.workers[0].phase = .ready
        timeline.at(21)
        #expect(timeline.replicas == 1)
    }

    @Test func replicasThatWereNeverCreatedGoFirst() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .zero }
        timeline.has(5, busy: 2)
        timeline.workers.removeLast(2)
        timeline.waiting = 4
        let decision = timeline.at(0)
        #expect(decision.replicas == 3)
        #expect(decision.draining == [])
    }
}
