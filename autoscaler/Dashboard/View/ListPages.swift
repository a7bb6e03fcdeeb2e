import Foundation
import Jobs
import ServiceContract

/// The pages beside the overview: one list each, or all about one of its rows.
struct PageView {
    let model: DashboardModel

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard model.snapshot != nil else {
            let text = "Connecting to Redis at \(model.source)" + (buffer.unicode ? "…" : "...")
            buffer.write(text, column: area.column + 1, row: area.row, width: area.width - 1, style: .faint)
            return
        }
        switch model.pages.page {
        case .overview: break
        case .workers: workers(in: area, &buffer)
        case .jobs: jobs(in: area, &buffer)
        case .decisions: decisions(in: area, &buffer)
        case .functions: functions(in: area, &buffer)
        }
    }

    // MARK: - Workers

    private func workers(in area: Area, _ buffer: inout CellBuffer) {
        var rest = area
        if let opened = model.pages.opened {
            let log = model.events.filter { $0.worker == opened }
            events(log, title: "WHAT \(opened) DID", in: rest.takeBottom(max(4, rest.height / 2)), &buffer)
        }
        let asked = model.record?.observation.memoryPerWorker
        ScrollTable(
            columns: [
                Column("WORKERS", width: nil) { $0.id },
                Column("STATE", width: 8) { model.state(of: $0) },
                Column("MEMORY", width: 9, isRight: true) { size($0.memory) },
                Column("ASKED", width: 8, isRight: true) { _ in asked.map(size) ?? "" },
                Column("AGE", width: 10, isRight: true) { span(model.now.timeIntervalSince($0.startedAt)) },
                Column("MODELS", width: 12) { $0.models.joined(separator: ",") },
                Column("JOB", width: max(12, area.width / 4)) { $0.job.map(model.song) ?? $0.trouble ?? "" },
                Column("", width: 4, isRight: true) { worker in
                    worker.progress.map { "\(Int((min(max($0.isFinite ? $0 : 0, 0), 1) * 100).rounded(.down)))%" }
                        ?? ""
                },
            ],
            rows: model.workers, selected: model.workers.firstIndex { $0.id == model.selection },
            empty: "no worker is running"
        ).draw(in: rest, of: &buffer)
    }

    // MARK: - Jobs

    private func jobs(in area: Area, _ buffer: inout CellBuffer) {
        var rest = area
        let head = rest.takeTop(1)
        let filter = model.pages.filter + (model.pages.isTyping ? "_" : "")
        let text =
            model.pages.isTyping || !filter.isEmpty
            ? "Filter: \(filter)   \(model.listedJobs.count) of \(model.jobs.count)"
            : "The last \(counted(model.jobs.count, "job")), newest first"
        buffer.write(text, column: head.column + 1, row: head.row, width: head.width - 2, style: .faint)
        if model.pages.opened != nil, let job = model.currentJob {
            details(of: job, in: rest, &buffer)
            return
        }
        ScrollTable(
            columns: [
                Column("JOBS", width: nil) { $0.filename },
                Column("STATE", width: 9) { $0.state.rawValue },
                Column("OWNER", width: 10) { $0.owner ?? "" },
                Column("TRY", width: 3, isRight: true) { "\($0.attempts)" },
                Column("CAME", width: 10, isRight: true) { span(model.now.timeIntervalSince($0.createdAt)) },
                Column("TOOK", width: 10, isRight: true) { model.duration(of: $0) },
                Column("WHY", width: max(8, area.width / 4)) { $0.error ?? "" },
            ],
            rows: model.listedJobs, style: { $0.state.style }, selected: model.pages.rows[.jobs] ?? 0,
            empty: "no job of that kind"
        ).draw(in: rest, of: &buffer)
    }

    private func details(of job: Job, in area: Area, _ buffer: inout CellBuffer) {
        var rest = area
        func time(_ date: Date?) -> String { date.map { timeOfDay($0, offset: model.clockOffset) } ?? "" }
        let lines: [(String, String)] =
            [
                ("Song", job.filename), ("Id", job.id.description), ("Object", "\(job.bucket)/\(job.key)"),
                ("Owner", job.owner ?? "nobody"), ("State", job.state.rawValue), ("Asked", job.asked),
                ("Model", job.model ?? ""), ("Attempts", "\(job.attempts), given back \(job.returns) times"),
                ("Length", job.audioSeconds.map(span) ?? "not measured yet"), ("Came", time(job.createdAt)),
                ("Began", time(job.startedAt)), ("Ended", time(job.finishedAt)), ("Worker", job.worker ?? ""),
                ("Error", job.error ?? ""),
            ] + job.warnings.map { ("Warning", $0) }
        let shown = lines.filter { !$0.1.isEmpty }
        for (name, text) in shown {
            let row = rest.takeTop(1)
            guard !row.isEmpty else { return }
            buffer.write(name, column: row.column + 1, row: row.row, width: 10, style: .heading)
            buffer.write(text, column: row.column + 12, row: row.row, width: row.width - 13)
        }
        _ = rest.takeTop(1)
        events(model.events.filter { $0.job == job.id }, title: "WHAT HAPPENED", in: rest, &buffer)
    }

    // MARK: - Decisions

    private func decisions(in area: Area, _ buffer: inout CellBuffer) {
        var rest = area
        let reasons =
            (model.record?.reasons ?? []).map { ("workers", $0) }
            + (model.snapshot?.status.functions ?? []).flatMap { function in
                function.reasons.map { (function.name, $0) }
            }
        ScrollTable(
            columns: [
                Column("NOW", width: 14) { $0.0 }, Column("REASON", width: 16) { $0.1.code },
                Column("", width: nil) { $0.1.sentence },
            ],
            rows: reasons, selected: nil, empty: "no autoscaler has reported here yet"
        ).draw(in: rest.takeTop(min(reasons.count, rest.height / 2) + 2), of: &buffer)
        ScrollTable(
            columns: [
                Column("CHANGES", width: 14) { $0.whose },
                Column("WHEN", width: 8) { timeOfDay($0.change.at, offset: model.clockOffset) },
                Column("FROM", width: 5, isRight: true) { "\($0.change.from)" },
                Column("TO", width: 5, isRight: true) { "\($0.change.to)" },
                Column("WHY", width: nil) { $0.change.why },
            ],
            rows: model.changes, selected: model.pages.rows[.decisions] ?? 0,
            empty: "none since this dashboard was opened"
        ).draw(in: rest, of: &buffer)
    }

    // MARK: - Functions

    private func functions(in area: Area, _ buffer: inout CellBuffer) {
        let range = buffer.glyphs.range
        func silence(of function: FunctionRecord) -> TimeInterval? {
            let silence = model.now.timeIntervalSince(function.decidedAt)
            return silence > DashboardModel.silenceLimit ? silence : nil
        }
        ScrollTable(
            columns: [
                Column("FUNCTIONS", width: 14) { $0.name },
                Column("PODS", width: 5, isRight: true) { $0.replicas.now.map(String.init) ?? "?" },
                Column("WANTED", width: 6, isRight: true) { $0.replicas.wanted.map(String.init) ?? "?" },
                Column("BOUNDS", width: 7, isRight: true) { "\($0.bounds.minimum)\(range)\($0.bounds.maximum)" },
                Column("READY", width: 5, isRight: true) { "\($0.replicas.ready)" },
                Column("IN FLIGHT", width: 9, isRight: true) { $0.inFlight.map(tenths) ?? "?" },
                Column("A POD", width: 6, isRight: true) { $0.perPod.map(tenths) ?? "" },
                Column("WHY", width: nil) { function in
                    let why = function.reasons.map(\.sentence).joined(separator: "; ")
                    return silence(of: function).map { "\(span($0)) without a word; last: \(why)" } ?? why
                },
            ],
            rows: model.snapshot?.status.functions ?? [],
            style: { silence(of: $0) == nil ? .plain : .warning }, selected: model.pages.rows[.functions] ?? 0,
            empty: "no function is scaled: name them in the file of targets (autoscaler run --targets)"
        ).draw(in: area, of: &buffer)
    }

    private func tenths(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e9 else { return "?" }
        let whole = Int((value * 10).rounded())
        return whole % 10 == 0 ? "\(whole / 10)" : "\(whole / 10).\(abs(whole % 10))"
    }

    private func events(_ events: [JobEvent], title: String, in area: Area, _ buffer: inout CellBuffer) {
        ScrollTable(
            columns: [
                Column(title, width: max(8, title.count)) { timeOfDay($0.time, offset: model.clockOffset) },
                Column("", width: 9) { $0.kind.rawValue },
                Column("", width: nil) { event in
                    [model.song(event.job), event.worker, event.message].compactMap(\.self).joined(separator: "  ")
                },
            ],
            rows: events, selected: nil, empty: "nothing in the events that this dashboard has seen"
        ).draw(in: area, of: &buffer)
    }
}

extension DashboardModel {
    /// What a worker is doing, in a word.
    func state(of worker: WorkerRecord) -> String {
        if now.timeIntervalSince(worker.heartbeat) > 15 { return "silent" }
        let isAsked = snapshot?.status.drains[worker.id] != nil
        return worker.state != .draining && isAsked ? "to drain" : worker.state.rawValue
    }

    /// How long work on a job took, or has taken so far.
    func duration(of job: Job) -> String {
        guard let began = job.startedAt, job.state != .queued else { return "" }
        return span((job.finishedAt ?? now).timeIntervalSince(began))
    }
}

extension JobState {
    fileprivate var style: Style {
        switch self {
        case .failed, .dead: .bad
        case .running: .accent
        case .cancelled: .warning
        case .awaitingUpload, .uploaded, .queued, .done: .plain
        }
    }
}
