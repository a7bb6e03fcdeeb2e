import Foundation
import HTTPTransport
import Logging
import ServiceLifecycle

/// Posts the events of one queue, oldest first. The same event is tried until its target answers 2xx; those behind it wait.
struct EventDelivery: Service {
    let queue: EventQueue
    let transport: any HTTPTransport
    /// Between two attempts with the same event.
    let interval: Duration
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            try await deliverWaiting()
            for await _ in queue.published { try await deliverWaiting() }
        }
    }

    private func deliverWaiting() async throws {
        while true {
            let queue = queue
            let batch = try await Disk.run { try queue.waiting() }
            guard !batch.isEmpty else { return }
            for sequencer in batch { try await deliver(sequencer) }
        }
    }

    private func deliver(_ sequencer: String) async throws {
        let queue = queue
        let document = try await Disk.run { try queue.document(sequencer) }
        var failures = 0
        while true {
            try Task.checkCancellation()
            guard let problem = await post(document) else { break }
            failures += 1
            logger.log(
                level: failures == 1 ? .warning : .debug, "bucket event not taken, trying again",
                metadata: ["target": "\(queue.target.id)", "event": "\(sequencer)", "reason": "\(problem)"])
            try await Task.sleep(for: interval)
        }
        try await Disk.run { try queue.remove(sequencer) }
    }

    /// `nil` when the target took the event, else why not.
    private func post(_ document: Data) async -> String? {
        var request = HTTPRequest(
            method: "POST", url: queue.target.endpoint, headers: ["Content-Type": "application/json"],
            body: .bytes(document))
        if let authorization = queue.target.authorization { request.headers["Authorization"] = authorization }
        request.timeouts = HTTPTimeouts(connect: .seconds(5), idle: .seconds(30), total: .seconds(60))
        do {
            let response = try await transport.send(request)
            _ = try? await response.body.collect(limit: 1 << 20)
            return (200..<300).contains(response.status) ? nil : "status \(response.status)"
        } catch {
            return "\(error)"
        }
    }
}
