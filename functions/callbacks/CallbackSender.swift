import Foundation
import FunctionClients
import FunctionHost
import HTTPTransport
import Jobs
import Logging
import Pacing
import ServiceContract
import ServiceLifecycle

/// Sends messages that are due to the callbacks of jobs that have ended.
///
/// Several hosts may do so at once: a message is one's for a minute. A try ends well with a status of 2xx; otherwise there is another
/// one after a pause that grows, eight in a day in all, and then the message is kept until somebody asks for it. 410 says that
/// nobody wants it any more. Redirections are not followed, and no connection is made to a private address, whatever name leads
/// there (``HTTPRequest/publicOnly``).
public struct CallbackSender: Service {
    /// How long to wait after each try but the last, as Standard Webhooks advise.
    public static let pauses: [Duration] = [
        .seconds(5), .seconds(30), .seconds(300), .seconds(1800), .seconds(7200), .seconds(18_000), .seconds(36_000),
    ]
    /// How many messages are on their way at once, and how many of one owner.
    private static let most = (all: 64, owner: 8)
    private static let hold = Duration.seconds(60)
    private static let timeouts = HTTPTimeouts(connect: .seconds(5), idle: .seconds(10), total: .seconds(20))

    private let queue: RedisJobQueue
    private let signer: TokenSigner
    private let reachesPrivate: Bool
    private let pauses: [Duration]
    private let tls: TLSOptions
    private let transport: any HTTPTransport
    private let logger: Logger

    /// A sender of what `queue` has.
    ///
    /// - Parameters:
    ///   - reachesPrivate: whether callbacks may be at private addresses, and speak plain HTTP.
    ///   - pauses: how long to wait after each try but the last.
    public init(
        queue: RedisJobQueue, signer: TokenSigner, reachesPrivate: Bool, pauses: [Duration] = CallbackSender.pauses,
        tls: TLSOptions = TLSOptions(), transport: any HTTPTransport = CurlTransport(), logger: Logger
    ) {
        self.queue = queue
        self.signer = signer
        self.reachesPrivate = reachesPrivate
        self.pauses = pauses
        self.tls = tls
        self.transport = transport
        self.logger = logger
    }

    /// Sends until the host shuts down; what is on its way then is cut off, and due again for another.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            let flying = Places()
            let trouble = RepeatedTrouble()
            await withDiscardingTaskGroup { group in
                repeat {
                    do {
                        let room = Self.most.all - flying.all
                        guard room > 0 else { continue }
                        for message in try await queue.takeCallbacks(limit: room, for: Self.hold) {
                            let owner = message.owner ?? ""
                            // One owner's receivers that take their time hold nobody else's up.
                            guard flying.take(owner, of: Self.most.owner) else {
                                try await queue.putOffCallback(message.id, for: .seconds(5))
                                continue
                            }
                            group.addTask {
                                await deliver(message)
                                flying.leave(owner)
                            }
                        }
                    } catch {
                        if !Task.isCancelled, trouble.isNews(error) { logger.warning("callbacks: \(error)") }
                    }
                } while await pause(for: .milliseconds(500))
                group.cancelAll()
            }
        }
    }

    private func deliver(_ message: CallbackMessage) async {
        do {
            let body = try await body(of: message)
            let result = await attempt(message, body)
            try Task.checkCancellation()
            try await queue.settleCallback(message.id, result)
            logger.info(
                "callback",
                metadata: [
                    "job": .string(message.job.description), "outcome": .string("\(result.outcome)"),
                    "status": .string(result.status.map { "\($0)" } ?? "-"), "reason": .string(result.reason ?? ""),
                ])
        } catch {
            guard !Task.isCancelled else { return }
            // It is due again once our time with it is over.
            logger.warning("callback not settled", metadata: ["error": .string("\(error)")])
        }
    }

    private struct Payload: Encodable {
        var type: String
        var timestamp: Date
        var data: JobStatus
    }

    /// What the message says: the job as it was when it was sent first, so that every try says the same.
    private func body(of message: CallbackMessage) async throws -> String {
        if let body = message.body { return body }
        let job = try await queue.job(message.job)
        var status =
            job.map { JobStatus($0) } ?? JobStatus(message.job, state: message.state, filename: "")
        // The job may have gone on since; the message is about this end.
        status.state = message.state
        let payload = Payload(type: message.delivery.event, timestamp: message.createdAt, data: status)
        return String(decoding: try JSONEncoder.contract.encode(payload), as: UTF8.self)
    }

    private func attempt(_ message: CallbackMessage, _ body: String) async -> CallbackTry {
        guard reachesPrivate || message.address.lowercased().hasPrefix("https://") else {
            return CallbackTry(.failed, reason: "Callbacks must be https addresses here.", body: body)
        }
        var request = HTTPRequest(
            method: "POST", url: message.address,
            headers: CallbackSignature(signer, owner: message.owner).fields(message.id, body, at: Date()),
            body: .bytes(Data(body.utf8)), timeouts: Self.timeouts, tls: tls)
        request.publicOnly = !reachesPrivate
        do {
            let response = try await transport.send(request)
            switch response.status {
            case 200..<300: return CallbackTry(.delivered, status: response.status, body: body)
            case 410:
                return CallbackTry(
                    .failed, status: 410, reason: "The receiver answered that it wants no more of it.", body: body)
            default:
                let reason = "The receiver answered \(response.status) in place of 2xx."
                return CallbackTry(next(after: message), status: response.status, reason: reason, body: body)
            }
        } catch {
            return CallbackTry(next(after: message), reason: Self.sentence(for: error), body: body)
        }
    }

    /// The next pause, up to a tenth longer so that many do not come at once; or the end.
    private func next(after message: CallbackMessage) -> CallbackTry.Outcome {
        guard message.delivery.tries < pauses.count else { return .failed }
        return .again(pauses[message.delivery.tries] * Double.random(in: 1...1.1))
    }

    /// What the owner is told, who may not learn anything of the network that we are in.
    private static func sentence(for error: any Error) -> String {
        switch error {
        case HTTPError.privateAddress: "The address leads to a private network, where callbacks are not sent."
        case HTTPError.unknownHost: "There is no host of this name."
        case HTTPError.tls: "The receiver's certificate cannot be trusted."
        case HTTPError.timedOut: "The receiver took too long."
        default: "The receiver cannot be reached."
        }
    }
}
