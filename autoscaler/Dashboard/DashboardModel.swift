import Foundation
import Jobs
import ServiceContract

/// All that the dashboard knows; what is shown follows from it and the size of the screen.
package struct DashboardModel: Sendable, Equatable {
    /// A short word to the operator about the last key.
    package struct Notice: Sendable, Equatable {
        package var text: String
        package var isBad = false
        /// Rounds of reading since it came up.
        var age = 0
    }

    /// Where Redis is, for the title.
    package let source: String
    /// The difference between the operator's clock and UTC, in seconds.
    package let clockOffset: Int
    /// What was read last; `nil` before the first time.
    package var snapshot: ServiceSnapshot?
    /// What was read over time.
    package var traffic = Traffic()
    /// The latest events but progress, newest first.
    package var events: [JobEvent] = []
    /// File names of jobs.
    package var songs: [JobID: String] = [:]
    /// What is the matter with Redis at present, if it cannot be read.
    package var trouble: String?
    /// The pause and override that the operator asked for last, perhaps not yet read back.
    package var control = AutoscalerControl.automatic
    /// How many requests the operator has made.
    package var requests = 0
    /// The selected worker.
    package var selection: String?
    /// Whether the keys are explained.
    package var isHelpShown = false
    /// The word about the last key.
    package var notice: Notice?
    /// Which page is shown, and where the operator is on it.
    package var pages = PageState()
    /// The jobs that came last, newest first; read while they are shown.
    package var jobs: [Job] = []
    /// Changes of numbers of replicas, newest first.
    package var changes: [SeenChange] = []

    /// A model that has read nothing yet.
    package init(source: String, clockOffset: Int = 0) {
        self.source = source
        self.clockOffset = clockOffset
    }

    /// The living workers.
    package var workers: [WorkerRecord] { snapshot?.workers ?? [] }
    /// What the autoscaler last said.
    package var record: AutoscalerRecord? { snapshot?.status.record }
    /// The time of Redis when it was read last.
    package var now: Date { snapshot?.status.time ?? Date(timeIntervalSince1970: 0) }

    /// What the operator should look after, though everything can be read.
    package var warnings: [String] {
        let aside = snapshot?.aside ?? 0
        let objects = aside < 100 ? counted(aside, "object") : "100 objects or more"
        return (snapshot?.warnings ?? []) + troubles(of: workers)
            + (aside > 0 ? ["\(objects) could not be taken in and \(aside == 1 ? "is" : "are") set aside."] : [])
    }

    /// What keeps workers from working, each sentence once, with how many say it.
    private func troubles(of workers: [WorkerRecord]) -> [String] {
        let counts = workers.compactMap(\.trouble).reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { sentence, count in
            "\(counted(count, "worker")): \(sentence)"
        }
    }

    /// How old the record is, in seconds, if it is so old that its author may be gone.
    package var silence: Double? {
        guard let record else { return nil }
        let age = now.timeIntervalSince(record.decidedAt)
        return age > Self.silenceLimit ? age : nil
    }

    /// The name of a job's file, else the beginning of its id.
    package func song(_ job: JobID) -> String { songs[job] ?? String(job.description.prefix(8)) }

    /// After so many seconds without a word the autoscaler is called silent.
    static let silenceLimit = 10.0
    /// How many events are kept.
    static let eventLimit = 200
    /// How many rounds a notice stays.
    static let noticeLimit = 6
}

/// Something that happened to the dashboard.
package enum Message: Sendable, Equatable {
    /// A key was pressed.
    case key(Key)
    /// Redis was read.
    case observed(ServiceSnapshot)
    /// Redis could not be read; what is the matter, as a line for the operator.
    case away(String)
    /// A request was carried out; what that means, as a sentence.
    case carriedOut(String)
    /// A request could not be carried out; why, as a sentence.
    case refused(String)
    /// The terminal has another size, or shows something else.
    case redraw
    /// Somebody wants the dashboard to end.
    case end
}

/// Something that the dashboard is to do.
package enum Effect: Sendable, Equatable {
    /// Ask something of Redis.
    case request(Request)
    /// Read what this page shows.
    case look(Page)
    /// Draw everything.
    case redraw
    /// Stop the process until it is continued.
    case suspend
    /// End.
    case quit
}

/// What the operator asks of Redis.
package enum Request: Sendable, Equatable {
    /// Pause, resume, override.
    case control(AutoscalerControl.Request)
    /// Let a worker claim no more.
    case drain(String)
    /// Let it claim again.
    case withdrawDrain(String)
    /// Put all dead jobs back into the queue.
    case retryDead
    /// Put one job back into the queue.
    case retry(JobID)
    /// Cancel a job.
    case cancel(JobID)
}

extension DashboardModel {
    /// What becomes of the model with `message`, and what is to be done about it. It does nothing itself.
    package mutating func update(_ message: Message) -> [Effect] {
        switch message {
        case .key(let key): return press(key)
        case .observed(let snapshot):
            observe(snapshot)
            return []
        case .away(let reason):
            trouble = reason
            age()
            return []
        case .carriedOut(let text):
            notice = Notice(text: text)
            return []
        case .refused(let reason):
            notice = Notice(text: reason, isBad: true)
            return []
        case .redraw: return [.redraw]
        case .end: return [.quit]
        }
    }

    // MARK: - Reading

    private mutating func observe(_ new: ServiceSnapshot) {
        trouble = nil
        age()
        traffic.record(backlog: new.depth.waiting + new.depth.inFlight, at: new.status.time, events: new.events)
        events = Array((new.events.reversed().filter { $0.kind != .progress } + events).prefix(Self.eventLimit))
        songs.merge(new.songs) { $1 }
        if songs.count > 4 * Self.eventLimit { songs = new.songs }
        // What was read before the last request was carried out knows nothing of it.
        if new.requests >= requests { control = new.status.control }
        if let selection, !new.workers.contains(where: { $0.id == selection }) { self.selection = nil }
        noteChanges(new.status)
        if let read = new.jobs {
            jobs = read
            pages.rows[.jobs] = min(pages.rows[.jobs] ?? 0, max(0, listedJobs.count - 1))
        }
        snapshot = new
    }

    private mutating func age() {
        notice?.age += 1
        if let notice, notice.age >= Self.noticeLimit { self.notice = nil }
    }

    // MARK: - Keys

    private mutating func press(_ key: Key) -> [Effect] {
        if let effects = pressOnPage(key) { return effects }
        switch key {
        case .control("c"), .character("q"): return [.quit]
        case .control("z"): return [.suspend]
        case .control("l"): return [.redraw]
        case .character("?"): isHelpShown.toggle()
        case .escape, .enter: (isHelpShown, notice, selection) = (false, nil, isHelpShown ? selection : nil)
        case .up, .character("k"): select(by: -1)
        case .down, .character("j"): select(by: 1)
        case .pageUp: select(by: -10)
        case .pageDown: select(by: 10)
        case .home, .character("g"): select(by: -workers.count)
        case .end, .character("G"): select(by: workers.count)
        case .character("p"): return ask(control.isPaused ? .resume : .pause)
        case .character("+"), .character("="): return override(by: 1)
        case .character("-"), .character("_"): return override(by: -1)
        case .character("a"): return ask(.clear)
        case .character("d"): return drain()
        case .character("r"): return retryDead()
        default: break
        }
        return []
    }

    private mutating func select(by step: Int) {
        guard !workers.isEmpty else { return }
        let index = workers.firstIndex { $0.id == selection }
        let next = index.map { $0 + step } ?? (step > 0 ? step - 1 : workers.count + step)
        selection = workers[min(max(next, 0), workers.count - 1)].id
    }

    private mutating func ask(_ request: AutoscalerControl.Request) -> [Effect] {
        control = control.applying(request)
        return make(.control(request))
    }

    private mutating func override(by step: Int) -> [Effect] {
        let replicas = record?.replicas
        let base = control.override ?? replicas?.wanted ?? replicas?.now ?? workers.count
        let bounds = record?.bounds
        let wanted = min(max(base + step, bounds?.minimum ?? 0), max(bounds?.maximum ?? .max, 0))
        return ask(.override(wanted))
    }

    private mutating func drain() -> [Effect] {
        guard let selection else {
            notice = Notice(
                text: workers.isEmpty ? "There is no worker to drain." : "Select a worker with j and k first.")
            return []
        }
        let isOurs = snapshot?.status.drains[selection] == .operator
        if isOurs {
            snapshot?.status.drains[selection] = nil
            return make(.withdrawDrain(selection))
        }
        snapshot?.status.drains[selection] = .operator
        return make(.drain(selection))
    }

    private mutating func retryDead() -> [Effect] {
        guard let snapshot, snapshot.depth.dead > 0 else {
            notice = Notice(text: "There are no dead jobs.")
            return []
        }
        return make(.retryDead)
    }

    mutating func make(_ request: Request) -> [Effect] {
        requests += 1
        return [.request(request)]
    }
}

/// What was read from Redis in one round.
package struct ServiceSnapshot: Sendable, Equatable {
    /// How many jobs are where.
    package var depth: QueueDepth
    /// The autoscaler's record, the operator's control, drain marks and the time of Redis.
    package var status: AutoscalerStatus
    /// The living workers, by id.
    package var workers: [WorkerRecord]
    /// What has happened since the round before, oldest first.
    package var events: [JobEvent]
    /// File names of jobs that workers hold or events speak of, as far as they are known.
    package var songs: [JobID: String]
    /// What is wrong with Redis though it answers, as sentences: it forgets keys, is full, cannot write.
    package var warnings: [String]
    /// How many objects could not be taken in and are set aside, 100 at the most.
    package var aside: Int
    /// How many of the operator's requests were carried out before this was read.
    package var requests: Int
    /// The jobs that came last, newest first; `nil` while nobody looks at them.
    package var jobs: [Job]?

    /// A snapshot of its parts.
    package init(
        depth: QueueDepth, status: AutoscalerStatus, workers: [WorkerRecord] = [], events: [JobEvent] = [],
        songs: [JobID: String] = [:], warnings: [String] = [], aside: Int = 0, requests: Int = 0, jobs: [Job]? = nil
    ) {
        self.depth = depth
        self.status = status
        self.workers = workers
        self.events = events
        self.songs = songs
        self.warnings = warnings
        self.aside = aside
        self.requests = requests
        self.jobs = jobs
    }
}
