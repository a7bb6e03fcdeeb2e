import Foundation
import HTTPTransport
import ServiceContract

// Following a job: one event stream for each, instead of a question every moment.
//
// The service tells the whole state with `state` and how far the work is with `progress`. Every message has a place, with
// which the client comes back after the stream broke; the first message then stands for all that was missed. Streams end
// for many reasons (the service restarts, a proxy tires, the stream has its age), and only what they said counts: with
// each message the client's patience begins anew.

extension ServiceClient {
    /// Follows a job to its end, calling `update` with each state it is seen in.
    ///
    /// Goes on over restarts of the service, lost connections and refusals for a time (429, 503), each as often and as far
    /// apart as ``retry`` says.
    /// - Returns: the status of the job that is done.
    /// - Throws: ``ServiceError/jobEnded(job:state:reason:)`` when it ended otherwise, ``ServiceError/refused(_:_:)`` when
    ///   there is no such job, `HTTPError` when the service stays away.
    public func follow(_ job: JobID, update: @Sendable (JobStatus) async -> Void) async throws -> JobStatus {
        var seen = Seen()
        var pauses = retry.pauses
        while true {
            let before = seen.messages
            var trouble: (any Error)?
            do {
                if let status = try await listen(to: job, &seen, update) { return try Self.outcome(of: status) }
            } catch let error as HTTPError where error.isTransient {
                trouble = error
                // A proxy may hold the stream back altogether; the state can still be asked for.
                if case .timedOut = error, let status = try? await status(of: job) {
                    await seen.note(status, update)
                    if status.state.isFinished { return try Self.outcome(of: status) }
                }
            }
            if seen.messages > before { pauses = retry.pauses }
            guard let pause = pauses.next() else {
                throw trouble ?? ServiceError.unexpectedAnswer("the events of job \(job) end before they begin")
            }
            try await retry.sleep(max(pause, seen.pause))
        }
    }

    /// What a stream has told so far.
    private struct Seen {
        var status: JobStatus?
        /// Where to go on.
        var place: String?
        /// How long to stay away after a stream ended, as it said.
        var pause = Duration.zero
        var messages = 0
        /// When the work was first seen to go on, and how far it was then.
        var start: (time: ContinuousClock.Instant, progress: Double)?

        mutating func note(_ status: JobStatus, _ update: (JobStatus) async -> Void) async {
            messages += 1
            if status.state != .running || status.attempts != self.status?.attempts { start = nil }
            self.status = status
            await update(status)
        }

        mutating func note(_ progress: Double, _ update: (JobStatus) async -> Void) async {
            messages += 1
            guard var status else { return }
            let start = start ?? (.now, progress)
            self.start = start
            status.progress = progress
            if progress > start.progress {
                let pace = (ContinuousClock.now - start.time) / .seconds(1) / (progress - start.progress)
                status.etaSeconds = (pace * (1 - progress)).rounded(.up)
            }
            self.status = status
            await update(status)
        }
    }

    /// Reads one stream to its end.
    ///
    /// - Returns: the status of the job that is finished; `nil` when the stream ended before it.
    private func listen(
        to job: JobID, _ seen: inout Seen, _ update: (JobStatus) async -> Void
    ) async throws -> JobStatus? {
        var request = HTTPRequest(url: address + "/fetch/\(job)/events", headers: credentials)
        request.headers.add("Accept", "text/event-stream")
        if let place = seen.place { request.headers.add("Last-Event-ID", place) }
        let response = try await send(request)
        // Nothing was missed, and nothing more will come.
        if response.status == 204 { return try await status(of: job) }
        guard response.status == 200 else { throw try await refusal(response) }
        guard response.headers["Content-Type"]?.hasPrefix("text/event-stream") == true else {
            throw ServiceError.unexpectedAnswer("\(request.url) is no stream of events")
        }
        var parser = EventStreamParser()
        for try await chunk in response.body {
            for message in try parser.read(chunk) {
                if let id = message.id { seen.place = id }
                switch message.event {
                case "state":
                    let status = try Self.read(JobStatus.self, message.data)
                    await seen.note(status, update)
                    if status.state.isFinished { return status }
                case "progress": await seen.note(try Self.read(JobProgress.self, message.data).progress, update)
                case "removed":
                    throw ServiceError.jobEnded(job: job, state: .cancelled, reason: "somebody removed it.")
                default: break
                }
            }
            seen.pause = parser.pause ?? seen.pause
        }
        return nil
    }

    private static func read<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
        guard let value = try? JSONDecoder.contract.decode(type, from: Data(text.utf8)) else {
            throw ServiceError.unexpectedAnswer(String(text.prefix(200)))
        }
        return value
    }

    private static func outcome(of status: JobStatus) throws -> JobStatus {
        guard status.state != .done else { return status }
        throw ServiceError.jobEnded(
            job: status.job, state: status.state, reason: status.error ?? "no reason was given.")
    }
}
