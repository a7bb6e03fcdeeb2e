import Jobs
import ServiceContract

/// What the queue should be, without Redis: the same transitions as pure steps, to hold the real one against.
struct MachineModel {
    struct Entry: Equatable {
        var owner: String
        var state = JobState.queued
        var attempts = 0
        var token: Int64 = 0
        var returns = 0
        var isSealed = false
        var isRejected = false
        var write: ObjectWrite
    }

    struct Part {
        var weight: Int
        var priority: Int
        var turn = 0
        var stride: Int { 1000 / weight }
    }

    static let attempts = 3
    static let returns = 2

    var jobs: [JobID: Entry] = [:]
    var parts: [String: Part] = [:]
    /// Sealed jobs that were given back: whoever looks next publishes them.
    var handedOver: Set<JobID> = []
    private var lines: [String: [JobID]] = [:]
    private var served: [Int: Int] = [:]

    init(parts: [String: Part]) { self.parts = parts }

    var waiting: Int { lines.values.reduce(0) { $0 + $1.count } }
    func count(_ state: JobState) -> Int { jobs.values.count { $0.state == state } }

    /// All that wait, in the order in which they would be taken.
    func order() -> [JobID] {
        var copy = self
        var order: [JobID] = []
        while let id = copy.next() { order.append(id) }
        return order
    }

    private mutating func change(_ id: JobID, _ body: (inout Entry) -> Void) {
        if var entry = jobs[id] {
            body(&entry)
            jobs[id] = entry
        }
    }

    // MARK: - Lines

    private mutating func lineUp(_ id: JobID, next isNext: Bool) {
        guard let owner = jobs[id]?.owner, var part = parts[owner] else { return }
        if lines[owner, default: []].isEmpty { part.turn = max(part.turn, served[part.priority, default: 0]) }
        if isNext { part.turn -= part.stride }
        lines[owner, default: []].insert(id, at: isNext ? 0 : lines[owner]?.count ?? 0)
        parts[owner] = part
        jobs[id]?.state = .queued
    }

    private mutating func next() -> JobID? {
        let active = lines.filter { !$0.value.isEmpty }.keys
        let first = active.min { left, right in
            guard let one = parts[left], let other = parts[right] else { return false }
            return (-one.priority, one.turn, left) < (-other.priority, other.turn, right)
        }
        guard let owner = first, var part = parts[owner], let id = lines[owner]?.removeFirst() else { return nil }
        served[part.priority] = max(served[part.priority, default: 0], part.turn)
        part.turn += part.stride
        parts[owner] = part
        return id
    }

    private mutating func leave(_ id: JobID) {
        guard let owner = jobs[id]?.owner else { return }
        lines[owner]?.removeAll { $0 == id }
    }

    // MARK: - Transitions

    private func isNews(_ entry: Entry, _ write: ObjectWrite) -> Bool {
        switch entry.state {
        case .failed, .dead, .cancelled: entry.write.version != write.version
        default: entry.write.eTag != write.eTag && !entry.isSealed
        }
    }

    /// - Returns: the outcome's name, and the state before.
    mutating func enqueue(_ id: JobID, _ owner: String, _ write: ObjectWrite) -> (String, JobState?) {
        guard let entry = jobs[id] else {
            jobs[id] = Entry(owner: owner, write: write)
            lineUp(id, next: false)
            return ("enqueued", nil)
        }
        guard isNews(entry, write) else { return ("known", entry.state) }
        jobs[id]?.write = write
        if entry.state == .queued { return ("readmitted", .queued) }
        change(id) { ($0.attempts, $0.returns, $0.isRejected) = (0, 0, false) }
        lineUp(id, next: false)
        return ("readmitted", entry.state)
    }

    mutating func reject(_ id: JobID, _ owner: String, _ write: ObjectWrite) -> JobState {
        if let entry = jobs[id] {
            guard entry.state != .done, isNews(entry, write) else { return entry.state }
            leave(id)
        } else {
            jobs[id] = Entry(owner: owner, write: write)
        }
        change(id) { ($0.state, $0.isRejected, $0.write) = (.failed, true, write) }
        return .failed
    }

    mutating func take() -> (JobID, Int64)? {
        guard let id = next() else { return nil }
        jobs[id]?.state = .running
        jobs[id]?.attempts += 1
        jobs[id]?.token += 1
        return (id, jobs[id]?.token ?? 0)
    }

    func standing(_ id: JobID, _ token: Int64) -> LeaseStatus {
        guard let entry = jobs[id], entry.state != .cancelled else { return .cancelled }
        return entry.state == .running && entry.token == token ? .held : .lost
    }

    mutating func seal(_ id: JobID, _ token: Int64) -> LeaseStatus {
        let status = standing(id, token)
        if status == .held { jobs[id]?.isSealed = true }
        return status
    }

    mutating func commit(_ id: JobID, _ token: Int64) -> LeaseStatus {
        if jobs[id]?.state == .done, jobs[id]?.token == token { return .held }
        let status = standing(id, token)
        if status == .held { change(id) { ($0.state, $0.isSealed) = (.done, false) } }
        return status
    }

    mutating func fail(_ id: JobID, _ token: Int64, retry: Bool) -> JobState {
        guard let entry = jobs[id] else { return .cancelled }
        guard standing(id, token) == .held, !entry.isSealed else { return entry.state }
        if retry { endAttempt(id, next: false) } else { jobs[id]?.state = .failed }
        return jobs[id]?.state ?? .cancelled
    }

    private mutating func endAttempt(_ id: JobID, next: Bool) {
        guard let entry = jobs[id] else { return }
        if entry.attempts >= Self.attempts { jobs[id]?.state = .dead } else { lineUp(id, next: next) }
    }

    mutating func giveBack(_ id: JobID, _ token: Int64, next: Bool, counts: Bool) -> JobState {
        guard let entry = jobs[id] else { return .cancelled }
        guard standing(id, token) == .held else { return entry.state }
        guard !entry.isSealed else {
            handedOver.insert(id)
            return entry.state
        }
        jobs[id]?.attempts -= 1
        if counts { jobs[id]?.returns += 1 }
        if counts, entry.returns + 1 >= Self.returns { jobs[id]?.state = .failed } else { lineUp(id, next: next) }
        return jobs[id]?.state ?? .cancelled
    }

    /// The leases of these jobs have run out, the first one longest ago.
    mutating func recover(_ expired: [JobID]) -> [JobID] {
        var moved: [JobID] = []
        for id in expired.reversed() where jobs[id]?.state == .running && jobs[id]?.isSealed == false {
            endAttempt(id, next: true)
            moved.append(id)
        }
        return moved
    }

    mutating func cancel(_ id: JobID) -> CancelOutcome {
        switch jobs[id]?.state {
        case nil: return .unknown
        case .done: return .alreadyFinished(.done)
        case .failed: return .alreadyFinished(.failed)
        default:
            leave(id)
            change(id) { ($0.state, $0.isSealed) = (.cancelled, false) }
            return .cancelled
        }
    }

    mutating func retry(_ id: JobID) -> Bool {
        guard let entry = jobs[id], entry.state == .dead || (entry.state == .failed && !entry.isRejected) else {
            return false
        }
        change(id) { ($0.attempts, $0.returns) = (0, 0) }
        lineUp(id, next: false)
        return true
    }

    mutating func remove(_ id: JobID) {
        leave(id)
        jobs[id] = nil
    }
}
