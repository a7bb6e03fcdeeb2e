import Foundation
import Jobs
import Logging
import Policy
import ServiceContract

/// The rounds of a controller, one after the other, and what is remembered between them.
struct ControlLoop {
    /// How long a reading may take.
    static let patience = Duration.seconds(10)

    let policy: ScalingPolicy
    let reader: JobsReader
    let board: RedisAutoscalerBoard
    let target: any ScaleTarget
    let leadership: any Leadership
    let options: ControllerOptions
    let status: ControllerStatus
    let logger: Logger

    let start = ContinuousClock.now
    var isLeading = false
    var history = History()
    var ledger = DrainLedger()
    var changes: ChangeMerger
    var troubles = TroubleWatch()
    var lastChange: AutoscalerRecord.Change?
    /// Why the number of workers could not be changed last.
    var failure: String?

    init(
        policy: ScalingPolicy, reader: JobsReader, board: RedisAutoscalerBoard, target: any ScaleTarget,
        leadership: any Leadership, options: ControllerOptions, status: ControllerStatus, logger: Logger
    ) {
        self.policy = policy
        self.reader = reader
        self.board = board
        self.target = target
        self.leadership = leadership
        self.options = options
        self.status = status
        self.logger = logger
        changes = ChangeMerger(window: options.eventWindow)
        status.change { $0.settings = policy.settings }
    }

    var now: Moment { Moment(ContinuousClock.now - start) }

    /// Looks, decides and acts, if this controller leads.
    mutating func round() async {
        let leads = await leadership.isLeading()
        status.change { ($0.lastRound, $0.isLeading) = (ContinuousClock.now, leads) }
        if leads != isLeading { begin(leading: leads) }
        guard leads, !Task.isCancelled else { return }

        let look = await self.look()
        let decision = policy.decide(look.observation, history: history, now: now)
        history = decision.history
        guard await leadership.isLeading() else { return }
        await mark(decision, look)
        await resize(decision, look)
        await note(decision, look)
        await publish(decision, look)
        for announcement in changes.due(at: now) { await announce(announcement) }
    }

    /// What an earlier time of leading has left is out of date.
    private mutating func begin(leading: Bool) {
        isLeading = leading
        history = History()
        ledger = DrainLedger()
        changes = ChangeMerger(window: options.eventWindow)
        troubles = TroubleWatch()
        failure = nil
    }

    /// What has not been announced yet, at the end.
    mutating func untold() -> [Announcement] { isLeading ? changes.flush(at: now) : [] }
}
