import Foundation
public import Policy
import HTTPTransport
import Jobs
import Logging
import Pacing
import ServiceContract

/// A function that is scaled by its requests in flight.
public struct ScaledFunction: Sendable {
    /// What decides.
    public var policy: ConcurrencyPolicy
    /// Its pods.
    public var target: any ScaleTarget
    /// The Deployment's name, which its row in the dashboard and its metrics bear.
    public var name: String

    /// A function of its parts.
    public init(name: String, policy: ConcurrencyPolicy, target: any ScaleTarget) {
        self.name = name
        self.policy = policy
        self.target = target
    }
}

/// The rounds of a function, beside those of the workers in ``ControlLoop``: read the pods and what they have in flight, let the
/// policy decide, set the number, tell everybody.
///
/// Redis is needed to hear of the operator's pause and to tell the dashboard; while it is away, requests are still answered,
/// and so the function is still scaled.
struct FunctionLoop {
    /// How long the API server may take.
    private static let patience = Duration.seconds(10)

    let function: ScaledFunction
    let board: RedisAutoscalerBoard
    let leadership: any Leadership
    let options: ControllerOptions
    let status: ControllerStatus
    let start = ContinuousClock.now
    private var history = History()
    private var loads: LoadReader
    private var resizer: Resizer
    private var isLeading = false
    private var isPaused = false

    init(
        _ function: ScaledFunction, board: RedisAutoscalerBoard, leadership: any Leadership,
        options: ControllerOptions, status: ControllerStatus, logger: Logger
    ) {
        self.function = function
        self.board = board
        self.leadership = leadership
        self.options = options
        self.status = status
        loads = LoadReader(perPod: function.policy.settings.targetConcurrency)
        resizer = Resizer(
            target: function.target, status: status, eventWindow: options.eventWindow, logger: logger)
    }

    private var now: Moment { Moment(ContinuousClock.now - start) }

    /// Looks and acts until it is cancelled.
    mutating func run() async {
        repeat { await round() } while await pause(for: options.interval)
    }

    /// What has not been announced yet, at the end.
    mutating func unannounced() -> [Announcement] { isLeading ? resizer.unannounced(at: now) : [] }

    private mutating func round() async {
        let leads = await leadership.isLeading()
        if leads != isLeading { begin(leading: leads) }
        guard leads, !Task.isCancelled else { return }
        let (observation, state) = await observe()
        let decision = function.policy.decide(observation, history: history, now: now)
        history = decision.history
        if let state, let replicas = decision.replicas, replicas != state.replicas, await leadership.isLeading(),
            !Task.isCancelled
        {
            let inFlight = observation.load.value?.inFlight ?? 0
            await resizer.resize(state, to: replicas, decision, at: now, ["in-flight": .stringConvertible(inFlight)])
        } else {
            resizer.nothingToDo()
        }
        let troubles = await resizer.report(decision, at: now)
        await publish(decision, observation, troubles)
        await resizer.tellWhatIsDue(at: now)
    }

    private mutating func begin(leading: Bool) {
        isLeading = leading
        history = History()
        loads = LoadReader(perPod: function.policy.settings.targetConcurrency)
        resizer.begin()
        status.change { $0.functions[function.name] = nil }
    }

    private mutating func observe() async -> (LoadObservation, TargetState?) {
        let target = function.target
        let found = await reading(target.name, within: Self.patience) { try await target.observe() }
        guard let state = found.value else {
            status.change { $0.failures["target", default: 0] += 1 }
            return (
                LoadObservation(
                    load: .unknown(found.failure), fleet: .unknown(found.failure), headroom: .unknown(found.failure)),
                nil
            )
        }
        resizer.observe(state, at: now)
        async let room = reading(target.name, within: Self.patience) { try await target.headroom(for: state) }
        async let word = reading("Redis", within: .seconds(1)) { [board] in try await board.control() }
        let load = await loads.read(state.members)
        if let control = await word.value { isPaused = control.isPaused }
        let headroom = await room
        let fleet = Fleet(
            replicas: state.replicas,
            workers: state.members.map {
                Replica(
                    id: $0.id, phase: $0.phase, killedForMemory: $0.killedForMemory, obstacle: $0.obstacle,
                    revision: $0.revision)
            }, created: state.created, refusal: state.refusal, isAsCreated: state.isAsCreated)
        let control: Control =
            isPaused ? .paused : resizer.rest(at: now).map { .yielding(to: state.replicas, for: $0) } ?? .automatic
        return (
            LoadObservation(
                load: load, fleet: .known(fleet),
                headroom: headroom.value.map { .known($0) } ?? .unknown(headroom.failure), control: control), state
        )
    }

    private func publish(_ decision: Decision, _ observation: LoadObservation, _ troubles: Set<String>) async {
        let (settings, fleet, load) = (
            function.policy.settings, observation.fleet.value, observation.load.value
        )
        let record = FunctionRecord(
            name: function.name, replicas: .init(decision, fleet),
            bounds: .init(minimum: settings.minReplicas, maximum: settings.maxReplicas),
            inFlight: load?.inFlight, perPod: load.flatMap { $0.pods > 0 ? $0.inFlight / $0.pods : nil },
            reasons: decision.reasons.map { .init(code: $0.code, sentence: $0.description) } + resizer.failureReason,
            lastChange: resizer.lastChange, leader: leadership.identity)
        status.change {
            $0.functions[function.name] = .init(record: record, troubles: troubles)
        }
        _ = await reading("Redis", within: .seconds(1)) { [board] in try await board.publish(record) }
    }
}
