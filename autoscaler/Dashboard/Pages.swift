import Foundation
import Jobs
import ServiceContract

/// What fills the screen; the keys 1 to 5 and Tab choose.
package enum Page: Int, CaseIterable, Sendable {
    /// Charts, the autoscaler's word, workers and events.
    case overview = 1
    /// All workers, and what happened to the one that is opened.
    case workers
    /// The jobs that came last, and all about the one that is opened.
    case jobs
    /// Why there are so many workers and pods, and every change that was seen.
    case decisions
    /// The functions that are scaled by their requests.
    case functions

    /// What it is called.
    var title: String { "\(self)" }
}

/// Where the operator is on the pages with lists.
package struct PageState: Sendable, Equatable {
    /// What fills the screen.
    package var page = Page.overview
    /// The selected row of each page.
    package var rows: [Page: Int] = [:]
    /// Only jobs with this text in their name, state, owner, id or error are listed.
    package var filter = ""
    /// Keys go into the filter.
    package var isTyping = false
    /// The row that is opened: a job's id, or a worker's name.
    package var opened: String?
    /// The job that is cancelled when the key is pressed again.
    package var toCancel: JobID?

    /// The overview.
    package init() {}
}

/// A change of a number of replicas, of the workers or of a function.
package struct SeenChange: Sendable, Equatable {
    /// `workers`, or the function's name.
    package var whose: String
    /// What was changed.
    package var change: AutoscalerRecord.Change
}

extension DashboardModel {
    /// The jobs that the filter lets through, newest first.
    package var listedJobs: [Job] {
        let wanted = pages.filter.lowercased()
        guard !wanted.isEmpty else { return jobs }
        return jobs.filter { job in
            [job.filename, job.state.rawValue, job.owner ?? "", job.id.description, job.error ?? "", job.worker ?? ""]
                .contains { $0.lowercased().contains(wanted) }
        }
    }

    /// The selected job, or the one that is opened.
    package var currentJob: Job? {
        if let opened = pages.opened { return jobs.first { $0.id.description == opened } }
        let listed = listedJobs
        let row = pages.rows[.jobs] ?? 0
        return listed.indices.contains(row) ? listed[row] : nil
    }

    /// How many rows a page with a list has.
    var rowCount: Int {
        switch pages.page {
        case .overview, .workers: workers.count
        case .jobs: listedJobs.count
        case .decisions: changes.count
        case .functions: snapshot?.status.functions.count ?? 0
        }
    }

    /// Takes note of changes that were not seen before, newest first.
    mutating func noteChanges(_ status: AutoscalerStatus) {
        let last =
            (status.record?.lastChange).map { [SeenChange(whose: "workers", change: $0)] } ?? []
        let all =
            last
            + status.functions.compactMap { function in
                function.lastChange.map { SeenChange(whose: function.name, change: $0) }
            }
        changes = (all.filter { !changes.contains($0) } + changes).sorted { $0.change.at > $1.change.at }
        changes = Array(changes.prefix(Self.eventLimit))
    }

    // MARK: - Keys

    /// What a key does on the pages; `nil` where it means what it means everywhere.
    mutating func pressOnPage(_ key: Key) -> [Effect]? {
        if pages.isTyping { return type(key) }
        switch key {
        case .character(let digit) where Page(rawValue: digit.wholeNumberValue ?? 0) != nil:
            return turn(to: Page(rawValue: digit.wholeNumberValue ?? 1) ?? .overview)
        // Tab.
        case .control("i"): return turn(to: Page(rawValue: pages.page.rawValue % Page.allCases.count + 1) ?? .overview)
        default: break
        }
        guard pages.page != .overview, !isHelpShown else { return nil }
        if key != .character("x") { pages.toCancel = nil }
        switch (key, pages.page) {
        case (.escape, _) where pages.opened != nil || !pages.filter.isEmpty:
            // One thing at a time.
            if pages.opened == nil { pages.filter = "" }
            (notice, pages.opened) = (nil, nil)
        case (.enter, .jobs): pages.opened = pages.opened == nil ? currentJob?.id.description : nil
        case (.enter, .workers): pages.opened = pages.opened == nil ? selection : nil
        case (.character("/"), .jobs): (pages.isTyping, pages.opened) = (true, nil)
        case (.character("x"), .jobs): return cancel()
        case (.character("r"), .jobs): return retry()
        // Workers are selected by name, as on the overview.
        case (_, .workers): return nil
        case (.up, _), (.character("k"), _): move(by: -1)
        case (.down, _), (.character("j"), _): move(by: 1)
        case (.pageUp, _): move(by: -10)
        case (.pageDown, _): move(by: 10)
        case (.home, _), (.character("g"), _): move(by: -rowCount)
        case (.end, _), (.character("G"), _): move(by: rowCount)
        default: return nil
        }
        return []
    }

    private mutating func turn(to page: Page) -> [Effect] {
        guard page != pages.page else { return [] }
        (pages.page, pages.opened, pages.toCancel) = (page, nil, nil)
        return [.look(page)]
    }

    private mutating func type(_ key: Key) -> [Effect] {
        switch key {
        case .control("c"): return [.quit]
        case .enter: pages.isTyping = false
        case .escape: (pages.isTyping, pages.filter) = (false, "")
        // Backspace, as terminals send it.
        case .control("h"): pages.filter = String(pages.filter.dropLast())
        case .character(let character) where pages.filter.count < 100: pages.filter.append(character)
        default: break
        }
        pages.rows[.jobs] = 0
        return []
    }

    private mutating func move(by step: Int) {
        pages.opened = nil
        pages.rows[pages.page] = min(max((pages.rows[pages.page] ?? 0) + step, 0), max(0, rowCount - 1))
    }

    private mutating func cancel() -> [Effect] {
        guard let job = currentJob else { return say("There is no job to cancel.") }
        guard [.queued, .running].contains(job.state) else {
            return say("\(job.filename) is \(job.state.rawValue): there is nothing to cancel.")
        }
        guard pages.toCancel == job.id else {
            pages.toCancel = job.id
            return say("x again cancels \(job.filename).")
        }
        pages.toCancel = nil
        return make(.cancel(job.id))
    }

    private mutating func retry() -> [Effect] {
        guard let job = currentJob else { return say("There is no job to retry.") }
        guard [.failed, .dead, .cancelled].contains(job.state) else {
            return say("\(job.filename) is \(job.state.rawValue): there is nothing to retry.")
        }
        return make(.retry(job.id))
    }

    private mutating func say(_ text: String) -> [Effect] {
        notice = Notice(text: text)
        return []
    }
}
