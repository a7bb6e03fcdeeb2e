import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ServiceContract

// One job as it goes on: as server-sent events, and as an answer that waits for the job's end.

extension FetchFunction {
    /// A job's progress as server-sent events (HTML Living Standard, section 9.2).
    ///
    /// `state` carries the whole status, `progress` only the progress. The stream begins with the present state, which
    /// stands for everything before it, and ends with the job. When a client comes back with `Last-Event-ID` to a finished
    /// job of which it has missed nothing, 204 tells it to stop.
    func events(
        of id: JobID, _ request: FunctionRequest, _ context: FunctionContext
    ) async throws -> FunctionResponse {
        let lookup = lookup(context)
        // The place is taken before the state is read, so that no event falls between the two.
        let end = try? await queue.events.end()
        let status = try await lookup.status(of: id)
        if status.state.isFinished, let seen = request.header("Last-Event-ID").flatMap({ EventID($0) }),
            await !hasMissed(status, seen: seen, end: end)
        {
            return FunctionResponse(status: 204)
        }
        let follower = JobFollower(
            id: id, lookup: lookup, log: queue.events, heartbeat: heartbeat, end: .now + settings.streamAge,
            isDraining: { context.isDraining })
        return .events { writer in try await follower.follow(from: status, snapshot: end, into: &writer) }
    }

    /// Whether a client that has seen the log up to `seen` may not know yet how the job ended. A place that is not in this log
    /// (Redis began a new one, or somebody made it up) tells nothing, and what is not known is sent again.
    private func hasMissed(_ status: JobStatus, seen: EventID, end: EventID?) async -> Bool {
        guard let end, seen <= end else { return true }
        guard seen < end else { return false }
        if let finished = status.finishedAt, finished.timeIntervalSince1970 * 1000 > Double(seen.milliseconds) {
            return true
        }
        return (try? await queue.events.isSilent(about: status.job, since: seen)) != true
    }

    /// The status of a job at its end, or as it is after `patience`, or when the host is about to end.
    func end(of id: JobID, within patience: Duration, _ context: FunctionContext) async throws -> JobStatus {
        let (lookup, deadline) = (lookup(context), ContinuousClock.now + patience)
        let place = try? await queue.events.end()
        let first = try await lookup.status(of: id)
        guard !first.state.isFinished, patience > .zero else { return first }
        return try await withSignals(
            from: queue.events.tail(from: place ?? .zero, of: .job(id)), every: min(patience, .milliseconds(250))
        ) { signals in
            for await signal in signals {
                switch signal {
                case .event(let event) where event.kind == .progress: continue
                case .event:
                    let status = try await lookup.status(of: id)
                    if status.state.isFinished { return status }
                case .tick:
                    if context.isDraining || deadline <= .now { return try await lookup.status(of: id) }
                }
            }
            throw CancellationError()
        }
    }
}

extension FunctionResponse {
    /// A stream of server-sent events.
    static func events(_ write: @escaping @Sendable (inout BodyWriter) async throws -> Void) -> FunctionResponse {
        FunctionResponse(
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store",
                HTTPField.Name("X-Accel-Buffering")!: "no",
            ],
            body: .stream(length: nil, write))
    }
}

/// One server-sent event, with JSON as its data.
func eventMessage(_ kind: String, _ value: some Encodable, id: EventID?) throws -> Data {
    var text = "event: \(kind)\n"
    if let id { text += "id: \(id)\n" }
    text += "data: \(String(decoding: try JSONEncoder.contract.encode(value), as: UTF8.self))\n\n"
    return Data(text.utf8)
}

/// The last words of a stream that ends though there is more to tell; nil as long as it goes on.
func streamFarewell(isDraining: Bool, end: ContinuousClock.Instant) -> Data? {
    if isDraining { return Data(": the server restarts\nretry: 1000\n\n".utf8) }
    return end < .now ? Data(": come again\nretry: 1000\n\n".utf8) : nil
}

/// What whoever follows a job has to look at.
private enum Signal: Sendable {
    case event(JobEvent)
    case tick
}

/// Runs `body` over events, and a tick as often as `period` says.
private func withSignals<Value: Sendable>(
    from tail: EventTail, every period: Duration, isolation: isolated (any Actor)? = #isolation,
    _ body: (AsyncStream<Signal>) async throws -> Value
) async throws -> Value {
    let (signals, feed) = AsyncStream.makeStream(of: Signal.self, bufferingPolicy: .bufferingNewest(256))
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { for try await event in tail { feed.yield(.event(event)) } }
        group.addTask {
            while !Task.isCancelled {
                try await Task.sleep(for: period)
                feed.yield(.tick)
            }
        }
        defer { group.cancelAll() }
        return try await body(signals)
    }
}

/// Writes the events of one job until it is finished.
struct JobFollower: Sendable {
    let id: JobID
    let lookup: JobLookup
    let log: RedisEventLog
    let heartbeat: Duration
    /// When the stream ends though the job has not: a client that is still there comes back.
    let end: ContinuousClock.Instant
    let isDraining: @Sendable () -> Bool

    /// - Parameters:
    ///   - status: the state to begin with.
    ///   - snapshot: the place in the log that `status` belongs to, from which it is read on.
    func follow(from status: JobStatus, snapshot: EventID?, into writer: inout BodyWriter) async throws {
        try await writer.write(eventMessage("state", status, id: snapshot))
        guard !status.state.isFinished else { return }
        try await withSignals(
            from: log.tail(from: snapshot ?? .zero, of: .job(id)), every: min(heartbeat, .seconds(1))
        ) { try await write($0, after: status, into: &writer) }
    }

    private func write(
        _ signals: AsyncStream<Signal>, after status: JobStatus, into writer: inout BodyWriter
    ) async throws {
        var lastWrite = ContinuousClock.now
        var position = status.position
        for await signal in signals {
            switch signal {
            case .event(let event) where event.kind == .progress:
                let progress = JobProgress(progress: event.progress ?? 0)
                try await writer.write(eventMessage("progress", progress, id: event.id))
                lastWrite = .now
            case .event(let event):
                let state = try await writeState(event.id, into: &writer)
                guard state.goesOn else { return }
                position = state.position
                lastWrite = .now
            case .tick:
                if let farewell = streamFarewell(isDraining: isDraining(), end: end) {
                    return try await writer.write(farewell)
                }
                guard ContinuousClock.now - lastWrite >= heartbeat else { continue }
                lastWrite = .now
                // The log may have lost the end of the job, and it does not tell when others go before; the job itself knows.
                let status = try? await lookup.status(of: id)
                if let status, status.state.isFinished || status.position != position {
                    position = status.position
                    try await writer.write(eventMessage("state", status, id: nil))
                    if status.state.isFinished { return }
                } else {
                    try await writer.write(Data(": heartbeat\n\n".utf8))
                }
            }
        }
    }

    /// - Returns: whether there will be more to tell, and the place in the queue that was told.
    private func writeState(
        _ place: EventID, into writer: inout BodyWriter
    ) async throws -> (goesOn: Bool, position: Int?) {
        do {
            let status = try await lookup.status(of: id)
            // The last message stands for everything up to it, whichever event it was sent for.
            let end = status.state.isFinished ? try? await log.end() : nil
            try await writer.write(eventMessage("state", status, id: end ?? place))
            return (!status.state.isFinished, status.position)
        } catch let problem as Problem where problem.status == 404 {
            try await writer.write(eventMessage("removed", JobRemoval(job: id), id: place))
            return (false, nil)
        } catch is Problem {
            // Redis or the storage is away for a moment; the next event or heartbeat looks again.
            return (true, nil)
        }
    }
}
