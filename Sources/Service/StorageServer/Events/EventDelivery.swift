import Foundation
import HTTPTransport
import Logging
import ObjectStorage
import Pacing
import ServiceLifecycle
import Threading

/// Posts the events of one queue to its target, several at once, as ``DeliverySchedule`` says.
///
/// It has a disk thread of its own, so that events do not wait behind uploads; what the disk refuses it tries again later.
actor EventDelivery: Service {
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }
    private nonisolated let thread = BlockingThread(name: "events")

    private nonisolated let queue: EventQueue
    private nonisolated let transport: any HTTPTransport
    private nonisolated let logger: Logger
    private var schedule: DeliverySchedule
    /// Events that were set aside while the target took nothing at all; the next one that it takes gives them another try.
    private var blameless: [EventName] = []
    private var wakeUp: ContinuousClock.Instant?

    /// What a listing shows of an event.
    struct Entry: Codable, Sendable {
        var id: String
        var target: String
        var event: String
        var key: String
        var attempts: Int
        var reason: String
        var since: Date?
    }

    /// - Parameter retry: how often a refused event is tried, and how long apart.
    init(queue: EventQueue, transport: any HTTPTransport, retry: Backoff, logger: Logger) {
        self.queue = queue
        self.transport = transport
        self.logger = logger
        schedule = DeliverySchedule(concurrency: 8, retry: retry)
    }

    nonisolated func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await begin()
            await withDiscardingTaskGroup { group in
                for await _ in queue.changes {
                    let (due, wake) = await due()
                    for name in due {
                        group.addTask { [self] in
                            await deliver(name)
                            queue.signal.yield()
                        }
                    }
                    if let wake {
                        group.addTask { [queue] in
                            if await pause(for: wake - .now) { queue.signal.yield() }
                        }
                    }
                }
                group.cancelAll()
            }
        }
    }

    /// What an earlier server set aside through no fault of the event's comes back.
    private func begin() {
        do {
            let names = try queue.setAside().filter { queue.reason($0)?.mayBeTheTargets ?? false }
            try queue.retry(names)
        } catch {
            logger.warning("events that were set aside cannot be read", metadata: ["reason": "\(error)"])
        }
        queue.signal.yield()
    }

    /// The events to send now, and when to look again; `nil` when that is known already.
    private func due() -> ([EventName], wake: ContinuousClock.Instant?) {
        let now = ContinuousClock.now
        do {
            if schedule.wantsNames {
                let names = try queue.waiting()
                schedule.offer(names)
            }
        } catch {
            logger.error("waiting events cannot be listed", metadata: ["reason": "\(error)"])
            return (schedule.start(now: now), now + .seconds(5))
        }
        let started = schedule.start(now: now)
        guard let next = schedule.wakes, wakeUp.map({ next < $0 || $0 <= now }) ?? true else { return (started, nil) }
        wakeUp = next
        return (started, next)
    }

    private func deliver(_ name: EventName) async {
        let outcome: DeliverySchedule.Outcome
        do {
            outcome = await post(try queue.document(name))
        } catch {
            outcome = .refused("\(error)")
        }
        guard !Task.isCancelled else { return }
        let now = ContinuousClock.now
        do {
            switch schedule.finish(name, outcome, now: now) {
            case .remove:
                try queue.remove(name)
                try giveBack()
            case .later:
                log(.debug, "bucket event not taken, trying again later", name, outcome)
            case .setAside(let tries, let problem, let othersWereTaken):
                try queue.setAside(
                    name,
                    .init(attempts: tries, reason: problem, since: Date(), mayBeTheTargets: !othersWereTaken))
                if !othersWereTaken { blameless.append(name) }
                log(.error, "bucket event set aside: see and retry it with `msaas events`", name, outcome)
            }
        } catch {
            schedule.postpone(name, "\(error)", now: now)
            logger.error("an event's file cannot be moved", metadata: ["event": "\(name.text)", "reason": "\(error)"])
        }
    }

    private func giveBack() throws {
        guard !blameless.isEmpty else { return }
        let names = blameless
        blameless = []
        let present = Set(try queue.setAside())
        try queue.retry(names.filter(present.contains))
    }

    private func log(
        _ level: Logger.Level, _ message: Logger.Message, _ name: EventName, _ outcome: DeliverySchedule.Outcome
    ) {
        logger.log(
            level: level, message,
            metadata: ["target": "\(queue.target.id)", "event": "\(name.text)", "reason": "\(outcome)"])
    }

    private nonisolated func post(_ document: Data) async -> DeliverySchedule.Outcome {
        var request = HTTPRequest(
            method: "POST", url: queue.target.endpoint, headers: ["Content-Type": "application/json"],
            body: .bytes(document))
        if let authorization = queue.target.authorization { request.headers["Authorization"] = authorization }
        request.timeouts = HTTPTimeouts(connect: .seconds(5), idle: .seconds(30), total: .seconds(60))
        do {
            let response = try await transport.send(request)
            _ = try? await response.body.collect(limit: 1 << 20)
            return (200..<300).contains(response.status) ? .taken : .refused("status \(response.status)")
        } catch let error as HTTPError {
            switch error {
            case .cannotConnect, .unknownHost: return .nobodyThere("\(error)")
            default: return .refused("\(error)")
            }
        } catch {
            return .refused("\(error)")
        }
    }

    // MARK: - What it shows

    /// A sentence when events have not been taken for a minute.
    func problem() -> String? {
        guard let trouble = schedule.trouble(now: .now), trouble.since > .seconds(60) else { return nil }
        return "\(trouble.count) bucket events for “\(queue.target.id)” have not been taken for "
            + "\(trouble.since.components.seconds) seconds."
    }

    /// How many events wait, and how many are set aside.
    func counts() throws -> (waiting: Int, setAside: Int) { (try queue.waiting().count, try queue.setAside().count) }

    /// The oldest events that were set aside.
    func setAside(limit: Int) throws -> [Entry] {
        try queue.setAside().prefix(limit).map { name in
            let document = try? JSONSerialization.jsonObject(with: queue.documentSetAside(name)) as? [String: Any]
            let reason = queue.reason(name)
            return Entry(
                id: name.text, target: queue.target.id, event: document?["EventName"] as? String ?? "",
                key: document?["Key"] as? String ?? "", attempts: reason?.attempts ?? 0,
                reason: reason?.reason ?? "unknown", since: reason?.since)
        }
    }

    /// Sends events that were set aside again, all or those with these ids; gives back how many.
    func retry(_ ids: Set<String>?) throws -> Int {
        let names = try queue.setAside().filter { ids?.contains($0.text) ?? true }
        try queue.retry(names)
        return names.count
    }

    /// Forgets events that were set aside.
    func forget(_ ids: Set<String>?) throws -> Int {
        let names = try queue.setAside().filter { ids?.contains($0.text) ?? true }
        for name in names { try queue.forget(name) }
        return names.count
    }
}
