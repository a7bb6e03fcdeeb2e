import Foundation
import HTTPTypes
import Hummingbird
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

    /// Every delivery, in order.
    let deliveries: AsyncStream<Delivery>
    private let service: RunningService

    var port: Int { service.port }
    var url: String { "http://127.0.0.1:\(port)/events" }

    init(port wanted: Int = 0) async throws {
        let (deliveries, delivered) = AsyncStream.makeStream(of: Delivery.self)
        self.deliveries = deliveries
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
        service = try await RunningService { logger, listens in
            Application(
                router: router, configuration: .init(address: .hostname("127.0.0.1", port: wanted)),
                onServerRunning: { listens($0.localAddress?.port ?? 0) }, logger: logger)
        }
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

    func stop() async throws { try await service.stop() }
}
