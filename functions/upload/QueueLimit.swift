import FunctionClients
import FunctionHost

/// Refuses songs while too many wait already. When nobody knows how many wait, they are let in: the bucket keeps them.
struct QueueLimit: Sendable {
    /// The most songs that may wait.
    let limit: Int
    let gauge: QueueGauge

    init(limit: Int, gauge: QueueGauge) {
        self.limit = limit
        self.gauge = gauge
    }

    /// Reads `MSAAS_QUEUE_LIMIT` (10,000; 0 for none) and what the queue needs; nil without a limit.
    ///
    /// - Throws: ``ConfigurationError`` that names the variable.
    init?(environment: FunctionEnvironment) throws {
        let text = environment.variables["MSAAS_QUEUE_LIMIT"].flatMap { $0.isEmpty ? nil : $0 } ?? "10000"
        guard let limit = Int(text), (0...1_000_000).contains(limit) else {
            throw ConfigurationError(
                "MSAAS_QUEUE_LIMIT is “\(text)”; write how many songs may wait, up to 1000000, or 0 for no limit.")
        }
        guard limit > 0 else { return nil }
        let queue = try QueueAccess(environment: environment)
        self.init(
            limit: limit,
            gauge: try environment.shared { QueueGauge(queue: queue, logger: environment.logger) })
    }

    /// - Throws: a 429 ``Problem`` with `Retry-After` and the expected wait while the queue is full.
    func check() async throws {
        guard let reading = await gauge.reading(), reading.waiting >= limit else { return }
        throw Problem.queueFull(reading, limit: limit)
    }
}

extension Problem {
    static func queueFull(_ reading: QueueGauge.Reading, limit: Int) -> Problem {
        // Until there is a place again; not for ever, and not at once.
        let pause = Int(min(max(reading.wait(for: reading.waiting - limit + 1) ?? 30, 1), 600))
        var problem = Problem(
            "queue-full", title: "The queue is full", status: 429, detail: "",
            extensions: ["waiting": String(reading.waiting), "limit": String(limit)],
            headers: [.retryAfter: String(pause)])
        problem.detail = "\(reading.waiting) songs wait already, and \(limit) is the most. "
        if let wait = reading.wait(for: reading.waiting + 1) {
            problem.extensions["expectedWaitSeconds"] = String(Int(wait))
            problem.detail += "A song sent now would be done in about \(Int(wait)) s. "
        }
        problem.detail += "Send it again in \(pause) s."
        return problem
    }
}
