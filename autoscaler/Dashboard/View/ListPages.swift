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
                .init(title: "WORKERS", width: nil), .init(title: "STATE", width: 8),
                .init(title: "MEMORY", width: 9, isRight: true), .init(title: "ASKED", width: 8, isRight: true),
                .init(title: "AGE", width: 10, isRight: true), .init(title: "MODELS", width: 12),
                .init(title: "JOB", width: max(12, area.width / 4)), .init(title: "", width: 4, isRight: true),
            ],
            rows: model.workers.map { worker in
                .init(texts: [
                    worker.id, model.state(of: worker), size(worker.memory), asked.map(size) ?? "",
                    span(model.now.timeIntervalSince(worker.startedAt)), worker.models.joined(separator: ","),
                    worker.job.map(model.song) ?? worker.trouble ?? "",
                    worker.progress.map { "\(Int((min(max($0.isFinite ? $0 : 0, 0), 1) * 100).rounded(.down)))%" }
                        ?? "",
                ])
            }, selected: model.workers.firstIndex { $0.id == model.selection }, empty: "no worker is running"
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
                .init(title: "JOBS", width: nil), .init(title: "STATE", width: 9), .init(title: "OWNER", width: 10),
                .init(title: "TRY", width: 3, isRight: true), .init(title: "CAME", width: 10, isRight: true),
                .init(title: "TOOK", width: 10, isRight: true), .init(title: "WHY", width: max(8, area.width / 4)),
            ],
            rows: model.listedJobs.map { job in
                .init(
                    texts: [
                        job.filename, job.state.rawValue, job.owner ?? "", "\(job.attempts)",
                        span(model.now.timeIntervalSince(job.createdAt)), model.duration(of: job), job.error ?? "",
                    ], style: job.state.style)
            }, selected: model.pages.rows[.jobs] ?? 0, empty: "no job of that kind"
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
                .init(title: "NOW", width: 14), .init(title: "REASON", width: 16), .init(title: "", width: nil),
            ],
            rows: reasons.map { .init(texts: [$0.0, $0.1.code, $0.1.sentence]) }, selected: nil,
            empty: "no autoscaler has reported here yet"
        ).draw(in: rest.takeTop(min(reasons.count, rest.height / 2) + 2), of: &buffer)
        ScrollTable(
            columns: [
                .init(title: "CHANGES", width: 14), .init(title: "WHEN", width: 8),
                .init(title: "FROM", width: 5, isRight: true), .init(title: "TO", width: 5, isRight: true),
                .init(title: "WHY", width: nil),
            ],
            rows: model.changes.map { seen in
                .init(texts: [
                    seen.whose, timeOfDay(seen.change.at, offset: model.clockOffset), "\(seen.change.from)",
                    "\(seen.change.to)", seen.change.why,
                ])
            }, selected: model.pages.rows[.decisions] ?? 0, empty: "none since this dashboard was opened"
        ).draw(in: rest, of: &buffer)
    }

    // MARK: - Functions

    private func functions(in area: Area, _ buffer: inout CellBuffer) {
        ScrollTable(
            columns: [
                .init(title: "FUNCTIONS", width: 14), .init(title: "PODS", width: 5, isRight: true),
                .init(title: "WANTED", width: 6, isRight: true), .init(title: "BOUNDS", width: 7, isRight: true),
                .init(title: "READY", width: 5, isRight: true), .init(title: "IN FLIGHT", width: 9, isRight: true),
                .init(title: "A POD", width: 6, isRight: true), .init(title: "WHY", width: nil),
            ],
            rows: (model.snapshot?.status.functions ?? []).map { function in
                let silence = model.now.timeIntervalSince(function.decidedAt)
                let why = function.reasons.map(\.sentence).joined(separator: "; ")
                return .init(
                    texts: [
                        function.name, function.replicas.now.map(String.init) ?? "?",
                        function.replicas.wanted.map(String.init) ?? "?",
                        "\(function.bounds.minimum)\(buffer.glyphs.range)\(function.bounds.maximum)",
                        "\(function.replicas.ready)", function.inFlight.map(tenths) ?? "?",
                        function.perPod.map(tenths) ?? "",
                        silence > DashboardModel.silenceLimit ? "\(span(silence)) without a word; last: \(why)" : why,
                    ], style: silence > DashboardModel.silenceLimit ? .warning : .plain)
            }, selected: model.pages.rows[.functions] ?? 0,
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
                .init(title: title, width: max(8, title.count)), .init(title: "", width: 9),
                .init(title: "", width: nil),
            ],
            rows: events.map { event in
                .init(texts: [
                    timeOfDay(event.time, offset: model.clockOffset), event.kind.rawValue,
                    [model.song(event.job), event.worker, event.message].compactMap(\.self).joined(separator: "  "),
                ])
            }, selected: nil, empty: "nothing in the events that this dashboard has seen"
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
