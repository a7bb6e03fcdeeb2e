import Foundation
import HTTPTypes
import Hummingbird
import Logging
import ServiceLifecycle
import Synchronization
import TestSupport

/// The other end of a webhook: takes bucket events, or refuses them, as a test tells it.
final class WebhookReceiver: Sendable {
    /// One delivery, taken or refused.
    struct Delivery: Sendable {
        var headers: HTTPFields
        var body: Data
        var key: String {
            let document = try? JSONSerialization.jsonObject(with: body) as? [String: Any]
            return document?["Key"] as? String ?? ""
        }
    }

    let port: Int
    /// Every delivery, in order.
    let deliveries: AsyncStream<Delivery>
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    var url: String { "http://127.0.0.1:\(port)/events" }

    init(port wanted: Int = 0) async throws {
        let (deliveries, delivered) = AsyncStream.makeStream(of: Delivery.self)
        self.deliveries = deliveries
        let (ports, running) = AsyncStream.makeStream(of: Int.self)
        let answer = Answer()
        self.answer = answer
        let router = Router()
        router.post("events") { request, _ in
            var body = ByteBuffer()
            for try await var part in request.body { body.writeBuffer(&part) }
            let delivery = Delivery(headers: request.headers, body: Data(body.readableBytesView))
            delivered.yield(delivery)
            return Response(status: .init(code: await answer.status(for: delivery.key)))
        }
        var logger = Logger(label: "webhook")
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: wanted)),
            onServerRunning: { running.yield($0.localAddress?.port ?? 0) }, logger: logger)
        let group = ServiceGroup(services: [application], logger: logger)
        self.group = group
        task = Task {
            defer { running.finish() }
            try await group.run()
        }
        var port: Int?
        for await known in ports {
            port = known
            break
        }
        if port == nil { try await task.value }
        self.port = port ?? 0
    }

    private let answer: Answer

    private actor Answer {
        private var status = 200
        private var special: [String: Int] = [:]
        private var gathering = 0
        private var gathered: [CheckedContinuation<Void, Never>] = []

        func set(_ status: Int) { self.status = status }
        func set(_ status: Int, _ key: String) { special[key] = status }
        func gather(_ count: Int) { gathering = count }

        func status(for key: String) async -> Int {
            if gathering > 1 {
                gathering -= 1
                await withCheckedContinuation { gathered.append($0) }
            } else if gathering == 1 {
                gathering = 0
                for waiter in gathered { waiter.resume() }
                gathered = []
            }
            return special[key] ?? status
        }
    }

    /// What deliveries are answered from now on.
    func answers(_ status: Int) async { await answer.set(status) }

    /// What those of one object (`bucket/key`) are answered from now on.
    func answers(_ status: Int, to key: String) async { await answer.set(status, key) }

    /// Answers the next deliveries only when so many are there at once.
    func gathers(_ count: Int) async { await answer.gather(count) }

    /// The next deliveries.
    func next(_ count: Int) async -> [Delivery] {
        var taken: [Delivery] = []
        for await delivery in deliveries {
            taken.append(delivery)
            if taken.count == count { break }
        }
        return taken
    }

    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await task.value
    }

    deinit { task.cancel() }
}
