import Dashboard
import Foundation
import Jobs
import ServiceContract

/// What the dashboard may have before it, all at one fixed moment: 2026-01-02 12:00:00 UTC.
enum Scene {
    static let now = Date(timeIntervalSince1970: 1_767_355_200)

    static let songs = [
        "夜に駆ける - YOASOBI.flac", "Bohemian Rhapsody (2011 Remaster).mp3", "Ágætis byrjun.wav", "song.mp3",
        "Toccata und Fuge d-Moll BWV 565 (Live in Leipzig, 1987).flac", "evil\u{1b}[31mred\r\n.mp3",
    ]

    static func job(_ number: Int) -> JobID {
        let digits = String(number, radix: 16)
        return JobID(String(repeating: "0", count: 32 - digits.count) + digits)!
    }

    static func event(
        _ secondsAgo: Int, _ kind: JobEvent.Kind, _ number: Int, worker: String? = nil, message: String? = nil
    )
        -> JobEvent
    {
        let milliseconds = UInt64(now.timeIntervalSince1970 * 1000) - UInt64(secondsAgo * 1000)
        return JobEvent(
            id: EventID(milliseconds: milliseconds, sequence: UInt64(number)), kind: kind, job: job(number),
            worker: worker, message: message)
    }

    /// Forty jobs that came over five minutes, a few of which are done.
    static let events: [JobEvent] = {
        let enqueued = (0..<40).map { event(400 - 8 * $0, .enqueued, $0) }
        let started = (0..<14).map { event(390 - 25 * $0, .started, $0, worker: "worker-\($0 % 4)") }
        let done = (0..<10).map { event(300 - 30 * $0, .done, $0, worker: "worker-\($0 % 4)") }
        let trouble = [
            event(20, .retried, 12, message: "The file ended before its header did."),
            event(10, .dead, 4, message: "The worker was killed three times."),
        ]
        return (enqueued + started + done + trouble).sorted { $0.id < $1.id }
    }()

    static let workers: [WorkerRecord] = (0..<5).map { number in
        var worker = WorkerRecord(
            id: "worker-7d9f8b6c5d-x\(number)k9q", memory: (390 + 8 * number) << 20, models: ["htdemucs"],
            startedAt: now.addingTimeInterval(-900), heartbeat: now.addingTimeInterval(-1))
        if number < 4 {
            (worker.state, worker.job, worker.progress) = (.busy, job(number), 0.13 + 0.21 * Double(number))
        }
        if number == 2 { worker.state = .draining }
        return worker
    }

    static let record = AutoscalerRecord(
        replicas: .init(now: 5, wanted: 7, ready: 4, pending: 1), bounds: .init(minimum: 0, maximum: 8),
        reasons: [
            .init(code: "demand-jobs", sentence: "26 waiting and 4 in flight, 4 a worker: 8 workers"),
            .init(code: "memory-capped", sentence: "capped: memory 7 of 8"),
        ],
        observation: .init(
            waiting: 26, inFlight: 4, audioSeconds: 7200, realTimeFactor: 0.304, memoryPerWorker: 512 << 20,
            memoryRoom: 7),
        lastChange: .init(
            from: 3, to: 5, at: now.addingTimeInterval(-12), why: "growing to 5 of 8: no faster in 15 s"),
        leader: "autoscaler-0", decidedAt: now.addingTimeInterval(-1))

    static func snapshot() -> ServiceSnapshot {
        ServiceSnapshot(
            depth: QueueDepth(waiting: 25, inFlight: 4, dead: 1),
            status: AutoscalerStatus(
                record: record, drains: ["worker-7d9f8b6c5d-x2k9q": .autoscaler], time: now),
            workers: workers, events: events,
            songs: Dictionary(uniqueKeysWithValues: (0..<40).map { (job($0), songs[$0 % songs.count]) }))
    }

    /// A busy service with a growing fleet.
    static func busy(_ change: (inout ServiceSnapshot) -> Void = { _ in }) -> DashboardModel {
        var model = DashboardModel(source: "127.0.0.1:6379/0")
        var snapshot = snapshot()
        change(&snapshot)
        _ = model.update(.observed(snapshot))
        return model
    }

    /// Nothing has ever happened.
    static func empty() -> DashboardModel {
        var model = DashboardModel(source: "127.0.0.1:6379/0")
        let snapshot = ServiceSnapshot(
            depth: QueueDepth(waiting: 0, inFlight: 0, dead: 0), status: AutoscalerStatus(time: now))
        _ = model.update(.observed(snapshot))
        return model
    }
}
