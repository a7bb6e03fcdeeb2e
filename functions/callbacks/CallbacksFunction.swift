import Digests
import EnvironmentSettings
import Foundation
import FunctionClients
import FunctionHost
import HTTPTransport
import Jobs
import ServiceContract
import ServiceLifecycle

/// `GET /callbacks`: what receivers check signatures with, and what could not be delivered. Beside its requests it tells callbacks
/// that jobs have ended (``CallbackSender``).
///
/// It is a function of its own since it is the only one that sends requests to addresses that strangers choose: on a cluster it
/// reaches Redis and the outside, and nothing else.
public struct CallbacksFunction: Function {
    /// The bytes of `function.yaml`.
    public static var manifest: [UInt8] { PackageResources.function_yaml }

    private let queue: QueueAccess
    private let signer: TokenSigner
    private let sender: CallbackSender?

    /// A function that has what is due sent by `sender`, or by others.
    public init(queue: QueueAccess, signer: TokenSigner, sender: CallbackSender?) {
        self.queue = queue
        self.signer = signer
        self.sender = sender
    }

    /// Reads ``CallbackSettings``, and what the queue needs.
    public init(environment: FunctionEnvironment) throws {
        let settings = try CallbackSettings.reading(environment.variables)
        let queue = try QueueAccess(environment: environment)
        self.init(
            queue: queue, signer: environment.signer,
            sender: CallbackSender(
                queue: queue.jobs, signer: environment.signer, reachesPrivate: settings.reachesPrivate,
                logger: environment.logger))
    }

    /// Redis, without which nothing is due.
    public var readinessChecks: [ReadinessCheck] { [queue.readinessCheck] }

    /// Sends what is due.
    public var upkeep: [any Service] { sender.map { [$0] } ?? [] }

    /// Tells the asker's secret and what could not be delivered.
    public func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        let failed = try await withServiceProblems(context.logger) {
            try await queue.jobs.failedCallbacks(of: context.caller.viewer.scope)
        }
        return try .json(
            headers: [.cacheControl: "no-store"],
            CallbackOverview(
                secret: CallbackSignature(signer, owner: context.caller.name).secret,
                failed: failed.map(\.delivery)))
    }
}

/// Signs messages as Standard Webhooks 1.0.0 say, with a key of each owner.
struct CallbackSignature: Sendable {
    private let key: [UInt8]

    init(_ signer: TokenSigner, owner: String?) { key = signer.key("callback", of: owner ?? "") }

    /// What a receiver checks with.
    var secret: String { "whsec_" + Data(key).base64EncodedString() }

    /// The header fields of a message that is sent at `time`.
    func fields(_ id: String, _ body: String, at time: Date) -> HTTPHeaders {
        let seconds = String(Int64(time.timeIntervalSince1970))
        let code = Hash.hmac(key: key, "\(id).\(seconds).\(body)")
        return [
            "Content-Type": "application/json", "webhook-id": id, "webhook-timestamp": seconds,
            "webhook-signature": "v1,\(Data(code).base64EncodedString())",
        ]
    }
}

/// What the environment says of callbacks.
public struct CallbackSettings: Configurable {
    /// Whether callbacks may go to private addresses, and by plain HTTP.
    public var reachesPrivate = false

    /// Public addresses only.
    public static let usual = CallbackSettings()

    /// The variable.
    public static var settings: [Setting<CallbackSettings>] {
        [Setting("MSAAS_PRIVATE_CALLBACKS", \.reachesPrivate, .flag)]
    }
}
