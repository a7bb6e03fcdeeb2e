import Policy

/// Reports side by side as aligned text.
public struct ReportTable: CustomStringConvertible {
    private let reports: [Report]

    /// A table with one row for each report.
    public init(_ reports: [Report]) { self.reports = reports }

    /// The table, with a line break after each row.
    public var description: String {
        var rows = [
            ["policy", "wait p50", "p95", "p99", "longest", "pod hours", "in use", "peak", "scalings", "kills"]
        ]
        rows += reports.map(row)
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in rows {
            let cells = zip(row, widths).enumerated().map { index, cell in
                let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + padding : padding + cell.0
            }
            text += cells.joined(separator: "  ") + "\n"
        }
        for report in reports {
            let open = report.jobs - report.done - report.dead
            if open > 0 {
                text += "\(report.policy): \(open) of \(report.jobs) jobs were still not done after two days.\n"
            }
            guard report.kills > 0 else { continue }
            let work = Duration.seconds(report.lostHours * 3600).words
            text += "\(report.policy): scaling down killed \(report.kills) jobs and lost \(work) of work"
            text += report.dead > 0 ? "; \(report.dead) of \(report.jobs) jobs were given up.\n" : ".\n"
        }
        return text
    }

    private func row(_ report: Report) -> [String] {
        let wait = report.wait
        return [report.policy] + [wait.p50, wait.p95, wait.p99, wait.max].map { Duration.seconds($0).words } + [
            decimal(report.podHours, digits: 1), "\(Int((report.utilisation * 100).rounded())) %", "\(report.peak)",
            "\(report.actions.count)", "\(report.kills)",
        ]
    }
}
