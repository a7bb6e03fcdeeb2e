import Policy

/// Reports side by side as aligned text.
public struct ReportTable: CustomStringConvertible {
    private let reports: [SimulationReport]

    /// A table with one row for each report.
    public init(_ reports: [SimulationReport]) { self.reports = reports }

    /// The table, with a line break after each row.
    public var description: String {
        var rows = [
            [
                "policy", "wait p50", "p95", "p99", "longest", "in time", "pod hours", "in use", "peak", "scalings",
                "busy told to go",
            ]
        ]
        rows += reports.map(row)
        var text = alignedRows(rows)
        for report in reports {
            let open = report.jobs - report.done
            if open > 0 {
                text += "\(report.policy): \(open) of \(report.jobs) jobs were still not done after two days.\n"
            }
            guard report.givenBack > 0 else { continue }
            let work = Duration.seconds(report.lostHours * 3600).words
            text += "\(report.policy): \(report.givenBack) of these could not finish, and lost \(work) of work.\n"
        }
        return text
    }

    private func row(_ report: SimulationReport) -> [String] {
        let wait = report.wait
        return [report.policy] + [wait.p50, wait.p95, wait.p99, wait.max].map { Duration.seconds($0).words } + [
            "\(Int((report.kept * 100).rounded(.down))) %", decimal(report.podHours, digits: 1),
            "\(Int((report.utilisation * 100).rounded())) %", "\(report.peak)",
            "\(report.actions.count)", "\(report.interruptions)",
        ]
    }
}

/// Rows of cells as text: the first column to the left, the others to the right.
func alignedRows(_ rows: [[String]]) -> String {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        zip(row, widths).enumerated().map { index, cell in
            let padding = String(repeating: " ", count: cell.1 - cell.0.count)
            return index == 0 ? cell.0 + padding : padding + cell.0
        }.joined(separator: "  ") + "\n"
    }.joined()
}

/// Backlog and workers over time in block characters.
public struct TerminalPlot {
    private let width: Int
    private static let blocks: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

    /// A plot that is `width` characters wide, its labels included; at least 30.
    public init(width: Int) { self.width = max(30, width) }

    /// One report in two panels of `height` lines each.
    public func panels(_ report: SimulationReport, height: Int = 6) -> String {
        let count = width - 8
        let series = report.series
        return panel("jobs waiting", series.columns(series.backlog, count, span: report.span), height)
            + panel("workers", series.columns(series.workers, count, span: report.span), height)
            + axis(report.span, count)
    }

    /// Several reports as one line each for backlog and for workers, on common scales.
    public func comparison(_ reports: [SimulationReport]) -> String {
        let label = (reports.map(\.policy.count).max() ?? 0) + 1
        let count = max(10, width - label - 8)
        let span = reports.map(\.span).max() ?? 0
        func lines(_ title: String, _ values: (TimeSeries) -> [Int]) -> String {
            let columns = reports.map { $0.series.columns(values($0.series), count, span: span) }
            let top = columns.joined().max() ?? 0
            return "\(title), at most \(top)\n"
                + zip(reports, columns).map { report, columns in
                    pad(report.policy, label) + String(columns.map { block($0 * 8, top) }) + " "
                        + "\(columns.max() ?? 0)\n"
                }.joined()
        }
        return lines("jobs waiting", \.backlog) + lines("workers", \.workers)
            + String(repeating: " ", count: label) + times(span, count) + "\n"
    }

    private func panel(_ title: String, _ columns: [Int], _ height: Int) -> String {
        let top = max(1, columns.max() ?? 0)
        var text = "\(title), at most \(columns.max() ?? 0)\n"
        for line in (0..<height).reversed() {
            let label = line == height - 1 ? "\(top)" : ""
            text += String(repeating: " ", count: max(0, 6 - label.count)) + label + " ┤"
            text += trimmed(columns.map { block($0 * 8 * height - line * 8 * top, top) }) + "\n"
        }
        return text
    }

    private func axis(_ span: Double, _ count: Int) -> String {
        "     0 └" + String(repeating: "─", count: count) + "\n" + "        " + times(span, count) + "\n"
    }

    /// The character for `eighths` of a line out of `top`; anything above nothing shows.
    private func block(_ eighths: Int, _ top: Int) -> Character {
        guard top > 0, eighths > 0 else { return " " }
        return Self.blocks[min(8, (eighths + top - 1) / top)]
    }

    /// Times at the start, the middle and the end.
    private func times(_ span: Double, _ count: Int) -> String {
        let (middle, end) = (Duration.seconds(span / 2).words, Duration.seconds(span).words)
        let left = count / 2 - 1 - middle.count / 2
        let right = count - 1 - left - middle.count - end.count
        guard left > 0, right > 0 else {
            return "0" + String(repeating: " ", count: max(1, count - 1 - end.count)) + end
        }
        return "0" + String(repeating: " ", count: left) + middle + String(repeating: " ", count: right) + end
    }

    private func trimmed(_ line: [Character]) -> String {
        String(line[..<((line.lastIndex { $0 != " " } ?? -1) + 1)])
    }

    private func pad(_ text: String, _ count: Int) -> String {
        text + String(repeating: " ", count: max(0, count - text.count))
    }
}
