import Policy
import Testing

@Suite struct DemandTests {
    @Test func jobsAloneCountWhileNothingIsMeasured() throws {
        var timeline = try Timeline { $0.targetJobsPerWorker = 4 }
        timeline.at(0) { $0.waiting = 9 }
        #expect(timeline.replicas == 3)
        #expect(timeline.explanation.hasPrefix("9 waiting and 0 in flight, 4 a worker: 3 workers"))
        #expect(timeline.codes == ["demand-jobs", "first-job"])
    }

    @Test func jobsInFlightCountToo() throws {
        var timeline = try Timeline { $0.targetJobsPerWorker = 1 }
        timeline.has(3, busy: 3)
        timeline.at(0) { $0.waiting = 2 }
        #expect(timeline.replicas == 5)
    }

    @Test func longAudioAsksForMoreWorkersThanItsJobs() throws {
        var timeline = try Timeline {
            $0.targetJobsPerWorker = 10
            $0.targetWait = .seconds(60)
        }
        timeline.at(0) {
            $0.waiting = 10
            $0.waitingAudio = 1000
            $0.realTimeFactor = 0.3
        }
        #expect(timeline.replicas == 5)
        #expect(timeline.codes.first == "demand-audio")
        #expect(timeline.explanation.contains("16 min 40 s of audio at real-time factor 0.3 within 1 min: 5 workers"))
    }

    @Test func whatIsLeftOfJobsInFlightIsWorkToo() throws {
        var timeline = try Timeline { $0.targetJobsPerWorker = 10 }
        timeline.has(1, busy: 1)
        timeline.at(0) {
            $0.waiting = 9
            $0.waitingAudio = 600
            $0.inFlightAudio = 300
            $0.realTimeFactor = 0.2
        }
        #expect(timeline.replicas == 3)
    }

    @Test func moreWorkersThanJobsHelpNoOne() throws {
        var timeline = try Timeline()
        timeline.at(0) {
            $0.waiting = 2
            $0.waitingAudio = 7200
            $0.realTimeFactor = 1
        }
        #expect(timeline.replicas == 2)
    }

    @Test(arguments: [Double.nan, .infinity, -1, 0])
    func aMeasurementThatCannotBeIsNoMeasurement(factor: Double) throws {
        var timeline = try Timeline()
        timeline.at(0) {
            $0.waiting = 2
            $0.waitingAudio = 7200
            $0.realTimeFactor = factor
        }
        #expect(timeline.replicas == 1)
    }

    @Test func theFirstJobStartsTheFirstWorkerAtOnce() throws {
        var timeline = try Timeline()
        timeline.at(0)
        #expect(timeline.replicas == 0)
        timeline.at(1) { $0.waiting = 1 }
        #expect(timeline.replicas == 1)
        #expect(timeline.codes.contains("first-job"))
    }

    @Test func boundsHoldInBothDirections() throws {
        var timeline = try Timeline {
            $0.minReplicas = 2
            $0.maxReplicas = 5
        }
        timeline.at(0)
        #expect(timeline.replicas == 2)
        #expect(timeline.codes == ["no-jobs", "minimum"])
        timeline.at(1) { $0.waiting = 100 }
        #expect(timeline.replicas == 5)
        #expect(timeline.explanation.contains("capped: maximum 5 of 50"))
    }
}
