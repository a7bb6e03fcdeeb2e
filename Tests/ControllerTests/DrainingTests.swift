import Controller
import Foundation
import Jobs
import Policy
import ServiceContract
import Testing

/// Who drains, and since when it counts.
@Suite struct DrainingTests {
    private let start = Date(timeIntervalSince1970: 1_800_000_000)

    private func state(_ members: FleetMember...) -> TargetState {
        TargetState(replicas: members.count, members: members)
    }

    private func jobs(
        _ workers: [WorkerRecord] = [], drains: [String: DrainOrigin] = [:], at seconds: TimeInterval = 0
    ) -> JobsReading {
        JobsReading(
            depth: QueueDepth(waiting: 0, inFlight: 0, dead: 0), workers: workers,
            board: AutoscalerStatus(drains: drains, time: start + seconds))
    }

    private func record(
        _ id: String, _ state: WorkerRecord.State, heartbeat: TimeInterval, job: JobID? = nil
    ) -> WorkerRecord {
        WorkerRecord(id: id, state: state, job: job, progress: job.map { _ in 0.4 }, heartbeat: start + heartbeat)
    }

    private func moment(_ seconds: Double) -> Moment { Moment(.seconds(seconds)) }

    @Test func aMarkCountsOnceTheWorkerHasSaidSoAfterIt() {
        var ledger = DrainLedger()
        let member = FleetMember(id: "w")
        let old = record("w", .draining, heartbeat: -1)
        ledger.note(state(member), jobs([old]), at: moment(0))
        // Marked: what it said before may be about an earlier mark.
        var reading = jobs([old], drains: ["w": .autoscaler], at: 1)
        ledger.note(state(member), reading, at: moment(1))
        #expect(!ledger.isDraining(member, reading))
        reading = jobs([record("w", .draining, heartbeat: 1.5)], drains: ["w": .autoscaler], at: 2)
        ledger.note(state(member), reading, at: moment(2))
        #expect(ledger.isDraining(member, reading))
        let fleet = Fleet(state(member), reading, ledger, patience: 10)
        #expect(fleet.workers == [Replica(id: "w", draining: true)] && fleet.workers[0].isRemovable)

        // Withdrawn and set again: it has to say so again.
        ledger.note(state(member), jobs([record("w", .draining, heartbeat: 1.5)], at: 3), at: moment(3))
        reading = jobs([record("w", .draining, heartbeat: 1.5)], drains: ["w": .autoscaler], at: 4)
        ledger.note(state(member), reading, at: moment(4))
        #expect(!ledger.isDraining(member, reading))
    }

    @Test func afterRedisWasAwayMarksCountAnew() {
        var ledger = DrainLedger()
        let member = FleetMember(id: "w")
        let marks = ["w": DrainOrigin.operator]
        ledger.note(state(member), jobs(drains: marks), at: moment(0))
        let reading = jobs([record("w", .draining, heartbeat: 1)], drains: marks, at: 5)
        #expect(ledger.isDraining(member, reading))
        ledger.note(state(member), nil, at: moment(2))
        ledger.note(state(member), reading, at: moment(5))
        #expect(!ledger.isDraining(member, reading))
    }

    @Test func aBusyWorkerDrainsButMayNotGo() {
        var ledger = DrainLedger()
        let member = FleetMember(id: "w")
        ledger.note(state(member), jobs(drains: ["w": .autoscaler]), at: moment(0))
        let reading = jobs(
            [record("w", .draining, heartbeat: 1, job: .random())], drains: ["w": .autoscaler], at: 1)
        let worker = Fleet(state(member), reading, ledger, patience: 10).workers[0]
        #expect(worker.draining && worker.activity == .busy(progress: 0.4) && !worker.isRemovable)
    }

    @Test func silence() {
        var ledger = DrainLedger()
        let ready = FleetMember(id: "ready")
        let coming = FleetMember(id: "coming", phase: .starting(.seconds(3)))
        let crashed = FleetMember(id: "crashed", phase: .starting(.seconds(3)), isStopped: true)
        let waiting = FleetMember(id: "waiting", phase: .pending(.seconds(3)))
        let all = state(ready, coming, crashed, waiting)
        func activities(_ jobs: JobsReading?) -> [Replica.Activity] {
            Fleet(all, jobs, ledger, patience: 10).workers.map(\.activity)
        }
        ledger.note(all, jobs(), at: moment(0))
        #expect(activities(jobs()) == [.unknown, .idle, .idle, .idle])
        #expect(activities(nil) == [.unknown, .idle, .idle, .idle])
        // What was said long ago says nothing of now; what one that crashed has said is void.
        let old = [record("ready", .idle, heartbeat: 0), record("crashed", .busy, heartbeat: 0, job: .random())]
        #expect(activities(jobs(old, at: 9)) == [.idle, .idle, .idle, .idle])
        #expect(activities(jobs(old, at: 11)) == [.unknown, .idle, .idle, .idle])
        // One that was ready and is not any more may hold a job.
        ledger.note(state(FleetMember(id: "coming")), jobs(), at: moment(1))
        #expect(activities(jobs())[1] == .unknown)
    }

    @Test func oneThatNeverCameUpCanGo() {
        var ledger = DrainLedger()
        let coming = FleetMember(id: "w", phase: .starting(.seconds(3)))
        let marks = ["w": DrainOrigin.autoscaler]
        for second in [0.0, 9, 10] {
            let reading = jobs(drains: marks, at: second)
            ledger.note(state(coming), reading, at: moment(second))
            #expect(ledger.isDraining(coming, reading) == (second == 10))
        }
        let crashed = FleetMember(id: "w", phase: .starting(.seconds(3)), isStopped: true)
        #expect(ledger.isDraining(crashed, jobs([record("w", .busy, heartbeat: 0)], drains: marks, at: 11)))
    }

    @Test func marksToSetAndToTakeBack() {
        let fleet = state(
            FleetMember(id: "a"), FleetMember(id: "b"), FleetMember(id: "c"), FleetMember(id: "d"),
            FleetMember(id: "going", phase: .terminating))
        let reading = jobs(drains: [
            "a": .autoscaler, "b": .autoscaler, "c": .operator, "d": .autoscaler, "going": .autoscaler,
            "gone": .autoscaler, "gone-too": .operator,
        ])
        let plan = MarkPlan(draining: ["e", "a", "c"], fleet, reading, leaving: ["d"])
        #expect(plan.set == ["e"])
        #expect(plan.withdrawn == ["b": .autoscaler, "gone": .autoscaler, "gone-too": .operator])
    }

    @Test func whoeverLeavesKeepsItsMarkForAWhile() {
        var ledger = DrainLedger()
        let fleet = state(FleetMember(id: "a"), FleetMember(id: "b"))
        ledger.left(["a", "b"], at: moment(0))
        ledger.note(state(FleetMember(id: "a")), jobs(), at: moment(1))
        #expect(ledger.leaving == ["a"])
        ledger.note(fleet, jobs(), at: moment(10))
        #expect(ledger.leaving == [])
    }
}
