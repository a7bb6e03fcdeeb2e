import Policy

/// Backlog and workers over time as an SVG picture, with one line for each report.
public struct SVGPlot {
    private let reports: [SimulationReport]
    private let span: Double
    private static let colours = ["#0b6e99", "#d9730d", "#6940a5", "#0f7b6c", "#ad1a72", "#64473a", "#787774"]
    private static let left = 70.0
    private static let width = 860.0
    private static let height = 170.0

    /// A picture of the reports, which should be of one trace.
    public init(_ reports: [SimulationReport]) {
        self.reports = reports
        span = max(1, reports.map(\.span).max() ?? 1)
    }

    /// The picture as a document.
    public var document: String {
        let legendTop = 70.0 + 2 * (Self.height + 50)
        let bottom = legendTop + Double(reports.count) * 20 + 10
        var text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 \(number(bottom))" width="960" \
            height="\(number(bottom))" font-family="system-ui, sans-serif" font-size="13">
            <title>\(escaped(title))</title>
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="\(number(Self.left))" y="28" font-size="17" fill="#222222">\(escaped(title))</text>

            """
        text += panel("jobs waiting", top: 70, \.backlog)
        text += panel("workers", top: 70 + Self.height + 50, \.workers)
        for (index, report) in reports.enumerated() {
            let y = legendTop + Double(index) * 20
            text += """
                <rect x="\(number(Self.left))" y="\(number(y - 10))" width="14" height="10" fill="\(colour(index))"/>
                <text x="\(number(Self.left + 22))" y="\(number(y))" fill="#222222">\(escaped(caption(report)))</text>

                """
        }
        return text + "</svg>\n"
    }

    private var title: String {
        reports.first.map { "\($0.trace): \($0.jobs) jobs in \(Duration.seconds(span).words)" } ?? "no reports"
    }

    private func caption(_ report: SimulationReport) -> String {
        "\(report.policy): wait p95 \(Duration.seconds(report.wait.p95).words), "
            + "\(decimal(report.podHours, digits: 1)) pod hours, \(report.actions.count) scalings"
    }

    private func panel(_ name: String, top: Double, _ values: KeyPath<TimeSeries, [Int]>) -> String {
        let bottom = top + Self.height
        let columns = reports.map { $0.series.columns($0.series[keyPath: values], Int(Self.width), span: span) }
        let highest = max(1, columns.joined().max() ?? 1)
        var text = """
            <text x="\(number(Self.left))" y="\(number(top - 8))" fill="#555555">\(name)</text>

            """
        for (value, y) in [(highest, top), (0, bottom)] {
            text += """
                <line x1="\(number(Self.left))" y1="\(number(y))" x2="\(number(Self.left + Self.width))" \
                y2="\(number(y))" stroke="#dddddd"/>
                <text x="\(number(Self.left - 8))" y="\(number(y + 4))" text-anchor="end" fill="#555555">\(value)</text>

                """
        }
        for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
            text += """
                <text x="\(number(Self.left + share * Self.width))" y="\(number(bottom + 18))" \
                text-anchor="\(anchor)" fill="#555555">\(Duration.seconds(share * span).words)</text>

                """
        }
        for (index, column) in columns.enumerated() {
            text += """
                <path d="\(path(column, bottom, highest))" fill="none" stroke="\(colour(index))" stroke-width="1.5"/>

                """
        }
        return text
    }

    /// Steps: a line goes up or down only where the value changes.
    private func path(_ column: [Int], _ bottom: Double, _ highest: Int) -> String {
        func y(_ value: Int) -> String { number(bottom - Double(value) / Double(highest) * Self.height) }
        var path = "M\(number(Self.left)) \(y(column.first ?? 0))"
        for (x, pair) in zip(column, column.dropFirst()).enumerated() where pair.0 != pair.1 {
            path += "H\(number(Self.left + Double(x + 1)))V\(y(pair.1))"
        }
        return path + "H\(number(Self.left + Double(column.count)))"
    }

    private func colour(_ index: Int) -> String { Self.colours[index % Self.colours.count] }

    private func number(_ value: Double) -> String { decimal(value, digits: 1) }

    private func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default:
                // Control characters have no place in XML, not even escaped.
                let isAllowed = character.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0xFFFE }
                result += isAllowed ? String(character) : "\u{FFFD}"
            }
        }
    }
}
