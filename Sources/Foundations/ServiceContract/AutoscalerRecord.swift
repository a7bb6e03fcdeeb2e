import Foundation

/// What the autoscaler last saw and decided, as it tells everybody who watches.
public struct AutoscalerRecord: Sendable, Equatable, Codable {
    /// The numbers of replicas.
    public struct Replicas: Sendable, Equatable, Codable {
        /// How many the Deployment (or the local supervisor) is set to.
        public var now: Int?
        /// How many the jobs and the rules ask for; where `now` is heading.
        public var wanted: Int?
        /// How many workers report ready.
        public var ready: Int
        /// How many workers have no place yet or are coming up.
        public var pending: Int

        /// Numbers of replicas; `nil` for what could not be read.
        public init(now: Int?, wanted: Int?, ready: Int, pending: Int) {
            self.now = now
            self.wanted = wanted
            self.ready = ready
            self.pending = pending
        }
    }

    /// The fewest and the most replicas that the settings allow.
    public struct Bounds: Sendable, Equatable, Codable {
        /// There are never fewer.
        public var minimum: Int
        /// There are never more.
        public var maximum: Int

        /// Bounds from `minimum` to `maximum`.
        public init(minimum: Int, maximum: Int) {
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    /// One reason of a decision.
    public struct Reason: Sendable, Equatable, Codable {
        /// A name that does not change between releases, such as `memory-capped`.
        public var code: String
        /// The reason in words.
        public var sentence: String

        /// A reason of its parts.
        public init(code: String, sentence: String) {
            self.code = code
            self.sentence = sentence
        }
    }

    /// The numbers that the decision was taken on; `nil` for what could not be read or is not known yet.
    public struct Observation: Sendable, Equatable, Codable {
        /// Jobs that no worker has claimed.
        public var waiting: Int?
        /// Jobs that a worker holds.
        public var inFlight: Int?
        /// Seconds of audio that is yet to be separated.
        public var audioSeconds: Double?
        /// Seconds of work for one second of audio on one worker.
        public var realTimeFactor: Double?
        /// What one worker asks for, in bytes.
        public var memoryPerWorker: Int?
        /// The most replicas that memory allows; `nil` also when there is no limit.
        public var memoryRoom: Int?
        /// How long songs should wait at most, in seconds (`target-wait`).
        public var promisedWait: Double?
        /// The share of the last songs that did not wait longer.
        public var keptShare: Double?

        /// An observation of its parts.
        public init(
            waiting: Int? = nil, inFlight: Int? = nil, audioSeconds: Double? = nil, realTimeFactor: Double? = nil,
            memoryPerWorker: Int? = nil, memoryRoom: Int? = nil, promisedWait: Double? = nil, keptShare: Double? = nil
        ) {
            self.waiting = waiting
            self.inFlight = inFlight
            self.audioSeconds = audioSeconds
            self.realTimeFactor = realTimeFactor
            self.memoryPerWorker = memoryPerWorker
            self.memoryRoom = memoryRoom
            self.promisedWait = promisedWait
            self.keptShare = keptShare
        }
    }

    /// A change of the number of replicas.
    public struct Change: Sendable, Equatable, Codable {
        /// The number before.
        public var from: Int
        /// The number after.
        public var to: Int
        /// When it was made.
        public var at: Date
        /// Why, in words.
        public var why: String

        /// A change of its parts.
        public init(from: Int, to: Int, at: Date, why: String) {
            self.from = from
            self.to = to
            self.at = at
            self.why = why
        }
    }

    /// The numbers of replicas.
    public var replicas: Replicas
    /// What the settings allow.
    public var bounds: Bounds
    /// Why, the most decisive last.
    public var reasons: [Reason]
    /// What the decision was taken on.
    public var observation: Observation
    /// The last time that the number was changed, if this autoscaler has changed it.
    public var lastChange: Change?
    /// Who decides: the name of the elected controller.
    public var leader: String
    /// When the decision was taken, by the clock of Redis; set by the board.
    public var decidedAt: Date

    /// A record; `decidedAt` is set by the board.
    public init(
        replicas: Replicas, bounds: Bounds, reasons: [Reason], observation: Observation, lastChange: Change? = nil,
        leader: String, decidedAt: Date = Date(timeIntervalSince1970: 0)
    ) {
        self.replicas = replicas
        self.bounds = bounds
        self.reasons = reasons
        self.observation = observation
        self.lastChange = lastChange
        self.leader = leader
        self.decidedAt = decidedAt
    }
}

/// What the autoscaler last saw of a function and decided about it.
public struct FunctionRecord: Sendable, Equatable, Codable {
    /// The function's Deployment.
    public var name: String
    /// The numbers of its pods.
    public var replicas: AutoscalerRecord.Replicas
    /// What the settings allow.
    public var bounds: AutoscalerRecord.Bounds
    /// Requests in flight in all its pods, on the mean of the last second; `nil` when they could not be read.
    public var inFlight: Double?
    /// How many of them one pod is there for; `nil` while there are none.
    public var perPod: Double?
    /// Why, the most decisive last.
    public var reasons: [AutoscalerRecord.Reason]
    /// The last time that the number was changed by this autoscaler.
    public var lastChange: AutoscalerRecord.Change?
    /// Who decides.
    public var leader: String
    /// When the decision was taken, by the clock of Redis; set by the board.
    public var decidedAt: Date

    /// A record; `decidedAt` is set by the board.
    public init(
        name: String, replicas: AutoscalerRecord.Replicas, bounds: AutoscalerRecord.Bounds, inFlight: Double?,
        perPod: Double?, reasons: [AutoscalerRecord.Reason], lastChange: AutoscalerRecord.Change? = nil, leader: String,
        decidedAt: Date = Date(timeIntervalSince1970: 0)
    ) {
        self.name = name
        self.replicas = replicas
        self.bounds = bounds
        self.inFlight = inFlight
        self.perPod = perPod
        self.reasons = reasons
        self.lastChange = lastChange
        self.leader = leader
        self.decidedAt = decidedAt
    }
}

/// What the operator has asked of the autoscaler. It stays in force until the operator takes it back, whichever
/// controller decides.
public struct AutoscalerControl: Sendable, Equatable, Codable {
    /// Nothing is changed until the pause ends; an override has no effect meanwhile.
    public var isPaused: Bool
    /// So many workers, whatever the demand.
    public var override: Int?

    /// A control of its parts; without any the policy decides.
    public init(isPaused: Bool = false, override: Int? = nil) {
        self.isPaused = isPaused
        self.override = override
    }

    /// The policy decides.
    public static let automatic = AutoscalerControl()

    /// One thing the operator asks for.
    public enum Request: Sendable, Equatable {
        /// Change nothing from now on.
        case pause
        /// End the pause; an override is in force again.
        case resume
        /// Keep so many workers (negative counts as 0).
        case override(Int)
        /// Back to the policy: neither pause nor override.
        case clear
    }

    /// The control after `request`.
    public func applying(_ request: Request) -> AutoscalerControl {
        var result = self
        switch request {
        case .pause: result.isPaused = true
        case .resume: result.isPaused = false
        case .override(let count): result.override = max(0, count)
        case .clear: result = .automatic
        }
        return result
    }
}

/// Everything on the board, read at one moment.
public struct AutoscalerStatus: Sendable, Equatable {
    /// What the autoscaler last said; `nil` when none has ever run.
    public var record: AutoscalerRecord?
    /// What it last said of each function that it scales, by name.
    public var functions: [FunctionRecord]
    /// What the operator has asked for.
    public var control: AutoscalerControl
    /// The workers that were asked to drain, and by whom.
    public var drains: [String: DrainOrigin]
    /// The moment, by the clock of Redis.
    public var time: Date

    /// A status of its parts.
    public init(
        record: AutoscalerRecord? = nil, functions: [FunctionRecord] = [], control: AutoscalerControl = .automatic,
        drains: [String: DrainOrigin] = [:], time: Date
    ) {
        self.record = record
        self.functions = functions
        self.control = control
        self.drains = drains
        self.time = time
    }
}

/// Who asked a worker to drain. In both cases it claims no more and finishes the job it holds.
public enum DrainOrigin: String, Sendable, Codable {
    /// An operator: the worker ends after its job, as on SIGTERM; whoever keeps workers running starts a fresh one.
    case `operator`
    /// The autoscaler, before it shrinks the fleet: the worker stays without claiming, until it is removed or the mark
    /// is withdrawn because it is needed after all.
    case autoscaler
}
