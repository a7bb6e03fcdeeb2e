import Controller
import Foundation
import Jobs
import Policy
import ServiceContract
import Testing

@Suite struct ReportingTests {
    private func moment(_ seconds: Double) -> Moment { Moment(.seconds(seconds)) }

    @Test func aShrinkingFleetMakesFewEvents() {
        var merger = ChangeMerger(window: .seconds(30))
        var told: [String] = []
        func note(_ announcements: [Announcement]) { told += announcements.map { "\($0.reason): \($0.note)" } }
        note(merger.changed(from: 0, to: 10, why: "jobs", at: moment(0)))
        for step in 0..<9 {
            let now = moment(60 + Double(step) * 5)
            note(merger.changed(from: 10 - step, to: 9 - step, why: "step \(step)", at: now))
            note(merger.due(at: now))
        }
        note(merger.due(at: moment(130)))
        note(merger.due(at: moment(200)))
        #expect(
            told == [
                "ScaledUp: Scaled from 0 to 10: jobs", "ScaledDown: Scaled from 10 to 9: step 0",
                "ScaledDown: Scaled from 9 to 2 in 7 steps: step 7", "ScaledDown: Scaled from 2 to 1: step 8",
            ])
        #expect(merger.flush(at: moment(300)).isEmpty)
    }

    @Test func aTurnIsToldAtOnce() {
        var merger = ChangeMerger(window: .seconds(30))
        _ = merger.changed(from: 5, to: 4, why: "a", at: moment(0))
        #expect(merger.changed(from: 4, to: 3, why: "b", at: moment(1)).isEmpty)
        let told = merger.changed(from: 3, to: 9, why: "c", at: moment(2))
        #expect(told.map(\.note) == ["Scaled from 4 to 3: b", "Scaled from 3 to 9: c"])
        #expect(merger.due(at: moment(100)).isEmpty)
    }

    @Test func troubleIsToldOnce() {
        var watch = TroubleWatch()
        let capped = Reason.memoryCapped(at: 3, wanted: 5)
        let first = watch.note([.noJobs, capped], at: moment(0))
        #expect(first.began == [capped] && first.announcements.map(\.note) == ["capped: memory 3 of 5"])
        #expect(first.announcements[0].isWarning && first.announcements[0].reason == "MemoryCapped")
        let again = watch.note([.memoryCapped(at: 2, wanted: 5)], at: moment(1))
        #expect(again.began.isEmpty && again.announcements.isEmpty)
        let well = watch.note([.noJobs], at: moment(2))
        #expect(well.ended == ["memory-capped"] && watch.present.isEmpty)
        let soon = watch.note([capped], at: moment(3))
        #expect(soon.began == [capped] && soon.announcements.isEmpty)
        _ = watch.note([], at: moment(4))
        #expect(watch.note([capped], at: moment(601)).announcements.count == 1)
    }

    @Test func statisticsOfFinishedJobs() {
        var statistics = JobStatistics()
        #expect(statistics.meanAudio == nil && statistics.realTimeFactor == nil)
        for index in 0..<60 {
            var job = newJob()
            job.startedAt = Date(timeIntervalSince1970: 0)
            job.finishedAt = Date(timeIntervalSince1970: index < 10 ? 1000 : 50)
            job.audioSeconds = 200
            job.state = .done
            statistics.record(job)
            job.state = .failed
            statistics.record(job)
            job.state = .done
            job.audioSeconds = nil
            statistics.record(job)
        }
        #expect(statistics.meanAudio == 200 && statistics.realTimeFactor == 0.25)

        let worker = WorkerRecord(id: "w", state: .busy, job: .random(), progress: 0.75)
        let reading = JobsReading(
            depth: QueueDepth(waiting: 3, inFlight: 1, dead: 0), workers: [worker],
            board: AutoscalerStatus(time: Date()), statistics: statistics)
        #expect(
            reading.backlog
                == Backlog(waiting: 3, inFlight: 1, waitingAudio: 600, inFlightAudio: 50, realTimeFactor: 0.25))
        #expect(reading.audioSeconds == 650)
    }
}
