import EnvironmentSettings
import Foundation
import FunctionClients
import FunctionHost
import HTTPTransport
import Jobs
import Logging
import ObjectStorage
import Observability
import ServiceContract
import ServiceLifecycle

/// `POST /separate`: hears of new songs in the queue's bucket and puts them into the queue.
///
/// A storage repeats an event until it is answered 2xx, so whatever can never succeed is answered 200 with the reason,
/// and only what may succeed later gets a 503. An object that is reported twice is queued once. A request that a person
/// made is another matter: what is wrong in it is answered 400.
public struct SeparateFunction: Function {
    /// The bytes of `function.yaml`.
    public static var manifest: [UInt8] { PackageResources.function_yaml }

    private let storage: StorageAccess
    private let queue: QueueAccess
    /// The webhook's secret; whoever has an API key needs none.
    public let token: BearerToken?
    private let schedule: UpkeepSchedule
    private let tracer: Tracer
    private let logger: Logger

    /// A separate function; with a `token` only requests that bring it are heard.
    public init(
        storage: StorageAccess, queue: QueueAccess, token: String? = nil, schedule: UpkeepSchedule = .init(),
        tracer: Tracer = Tracer(), logger: Logger = Logger(label: "separate")
    ) {
        self.storage = storage
        self.queue = queue
        self.token = token.map { BearerToken($0) }
        self.schedule = schedule
        self.tracer = tracer
        self.logger = logger
    }

    /// Reads ``SeparateSettings``, and what the storage and the queue need.
    public init(environment: FunctionEnvironment) throws {
        let settings = try SeparateSettings.reading(environment.variables)
        self.init(
            storage: try StorageAccess(environment: environment), queue: try QueueAccess(environment: environment),
            token: settings.token, schedule: settings.schedule, tracer: environment.tracer, logger: environment.logger)
    }

    /// Finds jobs of lost workers and songs whose notification was lost.
    public var upkeep: [any Service] {
        [Upkeep(storage: storage, queue: queue, schedule: schedule, tracer: tracer, logger: logger)]
    }

    /// The storage, which it cannot do without, Redis, which it can for a while, and whether events get through.
    public var readinessChecks: [ReadinessCheck] {
        [
            storage.readinessCheck, queue.readinessCheck,
            ReadinessCheck("deliveries", isRequired: false) { [jobs = queue.jobs] in
                let count = try await jobs.countTried(within: .seconds(300))
                if count > 0 { throw Stuck(count: count) }
            },
        ]
    }

    /// Answers one notification, order or probe.
    public func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        // Storages probe their targets so, some of them without the token.
        guard request.method == "POST", request.body.declaredLength != 0 else { return try .json(SeparateAnswer()) }
        let body = try await request.body.collect(upTo: 1 << 20)
        let orders: [Order]
        do {
            orders = try Order.orders(in: body, headers: request.headers)
        } catch {
            context.logger.warning("event ignored", metadata: ["reason": .string("\(error)")])
            // The storage would send it again for ever; a person wants to know.
            guard isFromStorage(context.caller), !(error is Order.Malformed) else {
                throw Problem.badRequest(
                    "The body is no order (\(error)); send {\"bucket\": …, \"key\": …, \"options\": {…}}, or a notification."
                )
            }
            return try .json(SeparateAnswer(ignored: [IgnoredEvent(reason: "\(error)")]))
        }
        guard !orders.isEmpty || isFromStorage(context.caller) else {
            throw Problem.badRequest("The body names no object; send {\"bucket\": …, \"key\": …, \"options\": {…}}.")
        }
        let admission = Admission(
            storage: storage, queue: queue, viewer: context.caller.viewer, tracer: context.tracer,
            logger: context.logger)
        var answer = SeparateAnswer()
        for order in orders {
            let outcome: Admission.Outcome
            do {
                outcome = try await withServiceProblems(context.logger) { try await admission.admitInTheEnd(order) }
            } catch let error as InvalidOption {
                throw Problem(error)
            }
            switch outcome {
            case .accepted(let accepted): answer.accepted.append(accepted)
            case .foreign: throw Problem.notFound("There is no such object of yours.")
            case .overQuota(let quota):
                guard !order.isDirect else { throw Problem(quota) }
                context.logger.info("over quota", metadata: ["key": .string(order.key.debugDescription)])
                answer.ignored.append(
                    IgnoredEvent(bucket: order.bucket, key: order.key, reason: "\(quota) The song waits in the bucket.")
                )
            case .ignored(let ignored):
                context.logger.log(
                    level: SongCompanion.isAt(order.key) ? .debug : .warning, "event ignored",
                    metadata: ["key": .string(order.key.debugDescription), "reason": .string(ignored.reason)])
                answer.ignored.append(ignored)
            }
        }
        return try .json(answer)
    }

    /// Objects that cannot be taken in and are tried again.
    private struct Stuck: Error, CustomStringConvertible {
        let count: Int
        var description: String { "\(count) objects cannot be taken in, and are tried again" }
    }

    /// Whether the storage sends it: it has the token, or there is nothing that tells it from others.
    private func isFromStorage(_ caller: Caller) -> Bool {
        caller == .tokenHolder || token == nil && caller == .anybody
    }
}
