import Foundation
import Jobs
import ServiceContract

/// What the dashboard shows, for machines.
package struct DashboardReport: Encodable {
    struct Worker: Encodable {
        var id: String
        var state: WorkerRecord.State
        var job: JobID?
        var song: String?
        var progress: Double?
        var trouble: String?
        var memory: Int
        var models: [String]
        var startedAt: Date
        var heartbeat: Date
        var drainRequestedBy: DrainOrigin?
    }

    struct Event: Encodable {
        var time: Date
        var kind: String
        var job: JobID
        var song: String?
        var worker: String?
        var attempt: Int?
        var message: String?
    }

    private let model: DashboardModel
    private let snapshot: ServiceSnapshot

    /// The report of a model that has read Redis.
    package init(_ model: DashboardModel) throws {
        guard let snapshot = model.snapshot else { throw RedisError.unexpectedReply("nothing was read") }
        self.model = model
        self.snapshot = snapshot
    }

    private enum Key: String, CodingKey {
        case redis, time, queue, warnings, aside, donePerMinute, autoscaler, functions, control, workers, events
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(model.source, forKey: .redis)
        try container.encode(model.now, forKey: .time)
        try container.encode(snapshot.depth, forKey: .queue)
        try container.encode(snapshot.warnings, forKey: .warnings)
        try container.encode(snapshot.aside, forKey: .aside)
        try container.encode(model.traffic.donePerMinute(until: model.now), forKey: .donePerMinute)
        // null says that no autoscaler has reported.
        try container.encode(model.record, forKey: .autoscaler)
        try container.encode(snapshot.status.functions, forKey: .functions)
        try container.encode(model.control, forKey: .control)
        try container.encode(model.workers.map(worker), forKey: .workers)
        try container.encode(model.events.prefix(50).map(event), forKey: .events)
    }

    private func worker(_ record: WorkerRecord) -> Worker {
        Worker(
            id: record.id, state: record.state, job: record.job, song: record.job.flatMap { model.songs[$0] },
            progress: record.progress, trouble: record.trouble, memory: record.memory, models: record.models,
            startedAt: record.startedAt,
            heartbeat: record.heartbeat, drainRequestedBy: snapshot.status.drains[record.id])
    }

    private func event(_ event: JobEvent) -> Event {
        Event(
            time: event.time, kind: event.kind.rawValue, job: event.job, song: model.songs[event.job],
            worker: event.worker, attempt: event.attempt, message: event.message)
    }
}
