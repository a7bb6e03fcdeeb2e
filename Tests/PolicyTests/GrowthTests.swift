import Policy
import Testing

@Suite struct GrowthTests {
    @Test func growthKeepsToItsRate() throws {
        var timeline = try Timeline {
            $0.maxReplicas = 100
            $0.growthStep = 4
            $0.growthPeriod = .seconds(15)
        }
        timeline.at(0) { $0.waiting = 200 }
        #expect(timeline.replicas == 4)
        #expect(timeline.codes.contains("growth-limited"))
        timeline.every(1...15)
        #expect(timeline.replicas == 4)
        timeline.at(16)
        #expect(timeline.replicas == 8)
        timeline.every(17...32)
        #expect(timeline.replicas == 16, "by then doubling is more than four")
    }

    @Test func aBurstOfTwoHundredJobsStartsWorkersWithTheFirstDecision() throws {
        var timeline = try Timeline()
        timeline.at(0)
        timeline.at(1) { $0.waiting = 200 }
        #expect(timeline.replicas == 10)
        timeline.every(2...17)
        #expect(timeline.replicas == 20)
    }

    @Test func memoryCapsGrowthAndSaysSo() throws {
        var timeline = try Timeline()
        timeline.headroom = .known(Headroom(request: 500, nodes: [1200, 400, 600]))
        timeline.at(0) { $0.waiting = 10 }
        #expect(timeline.replicas == 3)
        #expect(timeline.explanation.contains("capped: memory 3 of 5"))
    }

    @Test func theTighterOfNodesAndQuotaCounts() throws {
        var timeline = try Timeline()
        timeline.headroom = .known(
            Headroom(request: 500, nodes: [5000], quotas: [.init(resource: "limits.memory", workers: 1)]))
        timeline.at(0) { $0.waiting = 10 }
        #expect(timeline.replicas == 1)
        #expect(timeline.explanation.contains("capped: limits.memory 1 of 5"))
        #expect(timeline.codes.last == "quota-capped")
    }

    @Test func aQuotaOfPodsLimitsWorkersThatAskForNoMemory() throws {
        var timeline = try Timeline()
        timeline.has(2, busy: 2)
        timeline.headroom = .known(Headroom(request: 0, quotas: [.init(resource: "count/pods", workers: 1)]))
        timeline.at(0) { $0.waiting = 10 }
        #expect(timeline.replicas == 3)
    }

    @Test func memoryIsStrongerThanTheMinimum() throws {
        var timeline = try Timeline { $0.minReplicas = 4 }
        timeline.headroom = .known(Headroom(request: 500, nodes: [1000]))
        timeline.at(0)
        #expect(timeline.replicas == 2)
    }

    @Test func workersKeepThePlaceTheyHaveWhenMemoryRunsOut() throws {
        var timeline = try Timeline()
        timeline.has(4, busy: 2)
        timeline.headroom = .known(Headroom(request: 500, nodes: [0]))
        timeline.at(0) { $0.waiting = 20 }
        #expect(timeline.replicas == 4)
        #expect(timeline.explanation.contains("capped: memory 4 of 11"))
    }

    @Test func pendingWorkersThatDoNotFitAreGivenUp() throws {
        var timeline = try Timeline()
        timeline.has(5, busy: 3)
        timeline.workers[4].phase = .pending(.seconds(1))
        timeline.workers[3].phase = .pending(.seconds(1))
        timeline.headroom = .known(Headroom(request: 500, nodes: [0]))
        timeline.at(0) { $0.waiting = 20 }
        #expect(timeline.replicas == 3)
        #expect(timeline.workers.allSatisfy { !$0.isPending })
    }

    @Test func unreadableMemoryStopsGrowthButNotShrinking() throws {
        var timeline = try Timeline { $0.stabilisationWindow = .seconds(5) }
        timeline.has(2)
        timeline.headroom = .unknown("nodes: forbidden")
        timeline.at(0) { $0.waiting = 20 }
        #expect(timeline.replicas == 2)
        #expect(timeline.explanation.contains("not growing: memory cannot be read (nodes: forbidden)"))
        timeline.waiting = 0
        timeline.every(1...8)
        #expect(timeline.replicas == 1)
    }

    @Test func aWorkerThatFindsNoPlaceStopsGrowthAfterItsGrace() throws {
        var timeline = try Timeline { $0.pendingGrace = .seconds(30) }
        timeline.has(2, busy: 1)
        timeline.workers[1].phase = .pending(.seconds(29))
        timeline.at(0) { $0.waiting = 5 }
        #expect(timeline.replicas == 3)
        timeline.workers[1].phase = .pending(.seconds(30))
        timeline.workers[1].obstacle = "0/1 nodes are available"
        timeline.at(1) { $0.waiting = 20 }
        #expect(timeline.replicas == 3)
        #expect(
            timeline.explanation.contains("worker-1 found no place (0/1 nodes are available); not growing: 3 of 11"))
    }

    @Test func aWorkerKilledForMemoryStopsGrowthForAWhile() throws {
        var timeline = try Timeline()
        timeline.has(2, busy: 1)
        timeline.workers[0].killedForMemory = .seconds(12)
        timeline.at(0) { $0.waiting = 20 }
        #expect(timeline.replicas == 2)
        #expect(timeline.explanation.contains("worker-0 was killed for memory"))
        timeline.workers[0].killedForMemory = .seconds(301)
        timeline.at(289)
        #expect(timeline.replicas == 11)
    }

    @Test func aWorkerThatDoesNotComeUpStopsGrowth() throws {
        var timeline = try Timeline { $0.startGrace = .seconds(180) }
        timeline.has(1)
        timeline.workers[0].phase = .starting(.seconds(200))
        timeline.at(0) { $0.waiting = 20 }
        #expect(timeline.replicas == 1)
        #expect(timeline.codes.suffix(2) == ["not-starting", "growth-held"])
    }

    @Test func aWorkerThatCannotStartIsToldOfThoughTheFleetIsAsLargeAsWanted() throws {
        var timeline = try Timeline()
        timeline.has(2, busy: 1)
        timeline.waiting = 2
        timeline.workers[1].phase = .starting(.seconds(31))
        timeline.workers[1].obstacle = "ImagePullBackOff"
        for control in [Control.automatic, .paused, .override(2), .yielding(to: 2, for: .seconds(5))] {
            timeline.control = control
            timeline.at(0)
            #expect(timeline.replicas == 2)
            #expect(timeline.explanation.contains("worker-1 does not come up (ImagePullBackOff)"), "\(control)")
            #expect(!timeline.codes.contains("growth-held"))
        }
        timeline.control = .automatic
        timeline.redisFailure = "gone"
        timeline.at(1)
        #expect(timeline.codes == ["not-starting", "backlog-unknown"])
    }

    @Test func refusedWorkersAreToldOfAndStopGrowth() throws {
        var timeline = try Timeline()
        timeline.has(2, busy: 2)
        timeline.refusal = "exceeded quota: memory"
        timeline.at(0) { $0.waiting = 10 }
        #expect(timeline.replicas == 2)
        #expect(timeline.explanation.contains("new workers are refused: exceeded quota: memory; not growing: 2 of 6"))
    }

    @Test func troubleDoesNotKeepTheMinimumFromBeingReached() throws {
        var timeline = try Timeline { $0.minReplicas = 3 }
        timeline.has(1)
        timeline.workers[0].killedForMemory = .seconds(1)
        timeline.at(0) { $0.waiting = 50 }
        #expect(timeline.replicas == 3)
    }
}
