public import Jobs
public import Logging
import Pacing
public import Policy
public import ServiceLifecycle

/// Observes, decides and acts: every second, and at once when a job arrives.
///
/// It acts only while it leads. What cannot be read is told and leaves everything as it is. Nothing that it remembers has to
/// survive it: a new controller shrinks nothing before it has watched a full stabilisation window.
///
/// ```swift
/// let controller = Controller(
///     policy: try ScalingPolicy(Settings()), queue: queue, target: target,
///     leadership: SoleLeadership(identity: "local"), logger: logger)
/// try await controller.run()
/// ```
public struct Controller: Service {
    /// The shortest pause between rounds, so that a flood of jobs makes few.
    private static let shortestPause = Duration.milliseconds(20)

    /// What this controller is doing.
    public let status: ControllerStatus
    private let policy: ScalingPolicy
    private let queue: RedisJobQueue
    private let target: any ScaleTarget
    private let functions: [ScaledFunction]
    private let leadership: any Leadership
    private let options: ControllerOptions
    private let logger: Logger

    /// A controller; nothing happens before ``run()``.
    ///
    /// - Parameters:
    ///   - queue: Redis. With short timeouts it is sooner known to be away.
    ///   - target: the workers.
    ///   - functions: what else is scaled, by its requests in flight.
    public init(
        policy: ScalingPolicy, queue: RedisJobQueue, target: any ScaleTarget, functions: [ScaledFunction] = [],
        leadership: any Leadership,
        options: ControllerOptions = ControllerOptions(), status: ControllerStatus = ControllerStatus(), logger: Logger
    ) {
        self.policy = policy
        self.queue = queue
        self.target = target
        self.functions = functions
        self.leadership = leadership
        self.options = options
        self.status = status
        self.logger = logger
    }

    /// Works until graceful shutdown or cancellation, and gives leadership up then.
    public func run() async throws {
        logger.info(
            "controller started", metadata: ["target": "\(target.name)", "identity": "\(leadership.identity)"])
        await cancelWhenGracefulShutdown { await work() }
        // Not cancelled, unlike this task.
        await Task { await leadership.release() }.value
        logger.info("controller ended")
    }

    private func work() async {
        // One element stands for any number of reasons to look.
        let (rounds, trigger) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let wake: @Sendable () -> Void = { trigger.yield() }
        let board = RedisAutoscalerBoard(queue: queue)
        let reader = JobsReader(queue: queue, board: board, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await target.run(changed: wake) }
            group.addTask { await leadership.run(changed: wake) }
            for function in functions {
                group.addTask { await function.target.run {} }
                group.addTask { await scale(function, board) }
            }
            group.addTask { await reader.follow(arrived: wake) }
            group.addTask { [interval = options.interval] in
                repeat {
                    // Told here too, since a round may wait for a server that does not answer.
                    let leads = await leadership.isLeading()
                    status.change { $0.isLeading = leads }
                    wake()
                } while await pause(for: interval)
            }
            var loop = ControlLoop(
                policy: policy, reader: reader, board: board, target: target, leadership: leadership,
                options: options, status: status, logger: logger)
            for await _ in rounds {
                await loop.round()
                guard await pause(for: Self.shortestPause) else { break }
            }
            group.cancelAll()
            await announce(loop.unannounced(), on: target)
        }
    }

    private func scale(_ function: ScaledFunction, _ board: RedisAutoscalerBoard) async {
        var loop = FunctionLoop(
            function, board: board, leadership: leadership, options: options, status: status, logger: logger)
        await loop.run()
        await announce(loop.unannounced(), on: function.target)
    }

    private func announce(_ rest: [Announcement], on target: any ScaleTarget) async {
        // Not cancelled, unlike this task.
        await Task { for announcement in rest { try? await target.announce(announcement) } }.value
    }
}

/// How a controller works, beside its policy.
public struct ControllerOptions: Sendable, Equatable {
    /// The pause between rounds; a job that arrives starts one at once.
    public var interval: Duration
    /// A worker that said nothing for so long is not known to be idle.
    public var heartbeatTimeout: Duration
    /// Changes of the number of replicas within this time are announced together.
    public var eventWindow: Duration
    /// Busy workers are marked so that nobody moves them to save a node.
    public var protectsBusy: Bool

    /// Options of a controller.
    public init(
        interval: Duration = .seconds(1), heartbeatTimeout: Duration = .seconds(10),
        eventWindow: Duration = .seconds(30), protectsBusy: Bool = true
    ) {
        self.interval = interval
        self.heartbeatTimeout = heartbeatTimeout
        self.eventWindow = eventWindow
        self.protectsBusy = protectsBusy
    }
}
