/// Backlog and throughput over time, side by side: a headline, the columns, and the axis.
struct TrafficCharts {
    let model: DashboardModel

    func draw(in area: Area, of buffer: inout CellBuffer) {
        var right = area
        let left = right.takeLeft(area.width / 2)
        guard let snapshot = model.snapshot else {
            let text = "Connecting to Redis at \(model.source)" + (buffer.unicode ? "…" : "...")
            buffer.write(text, column: area.column + 1, row: area.row, width: area.width - 1, style: .faint)
            return
        }
        let (dot, depth) = (buffer.glyphs.dot, snapshot.depth)
        let bins = model.traffic.latest(columns(left), until: model.now)
        let backlog = bins.map { $0?.backlog.map(Double.init) }
        let parts = "\(depth.waiting) waiting \(dot) \(depth.inFlight) in flight"
        draw(
            Chart(
                name: "BACKLOG", value: "\(depth.waiting + depth.inFlight):", detail: parts, values: backlog,
                unit: { "\(Int($0))" }, style: .accent),
            in: left, of: &buffer)

        let rate = model.traffic.donePerMinute(until: model.now)
        let done = bins.map { $0.map { Double($0.done) } }
        draw(
            Chart(
                name: "THROUGHPUT", value: rate < 10 ? oneDecimal(rate) : "\(Int(rate.rounded()))",
                detail: "a minute, mean of 5 min", values: done, unit: { "\(Int($0 * 60) / Traffic.resolution)" },
                style: .good),
            in: right, of: &buffer)
    }

    private func columns(_ area: Area) -> Int { max(area.width - 2, 0) }

    private func oneDecimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private struct Chart {
        var name: String
        var value: String
        var detail: String
        var values: [Double?]
        /// The peak in words.
        var unit: (Double) -> String
        var style: Style
    }

    private func draw(_ chart: Chart, in area: Area, of buffer: inout CellBuffer) {
        var rest = area
        let (head, axis) = (rest.takeTop(1), rest.takeBottom(1))
        guard !head.isEmpty, area.width > 4 else { return }
        var column = area.column + 1
        for (text, style) in [(chart.name, .heading), (chart.value, .bold), (chart.detail, .plain)] as [(String, Style)]
        {
            let room = area.column + area.width - 1 - column
            column += 1 + buffer.write(text, column: column, row: head.row, width: room, style: style)
        }
        let peak = chart.values.compactMap(\.self).max() ?? 0
        let plot = Area(column: rest.column + 1, row: rest.row, width: columns(area), height: rest.height)
        Sparkline(values: chart.values, ceiling: max(peak, 1), style: chart.style).draw(in: plot, of: &buffer)

        let past = "\(span(Double(columns(area) * Traffic.resolution))) ago"
        let middle = "peak \(chart.unit(peak))"
        buffer.write(past, column: area.column + 1, row: axis.row, width: plot.width, style: .faint)
        let centre = area.column + 1 + max((plot.width - middle.count) / 2, past.count + 1)
        buffer.write(middle, column: centre, row: axis.row, width: area.width - centre + area.column, style: .faint)
        buffer.write("now", rightIn: plot.width, column: plot.column, row: axis.row, style: .faint)
    }
}

/// A row of columns, each as high as its value; "no value" stays blank, and 0 is a faint line at the bottom.
struct Sparkline {
    /// The values from left to right.
    var values: [Double?]
    /// The value of a full column.
    var ceiling: Double
    var style: Style

    func draw(in area: Area, of buffer: inout CellBuffer) {
        let levels = buffer.glyphs.levels
        for (index, value) in values.suffix(area.width).enumerated() {
            guard let value else { continue }
            let column = area.column + area.width - min(values.count, area.width) + index
            let share = ceiling > 0 ? min(max(value / ceiling, 0), 1) : 0
            // What is not nothing is seen.
            let eighths = value > 0 ? max(1, Int((share * Double(area.height * 8)).rounded())) : 0
            for row in 0..<area.height {
                let fill = min(max(eighths - 8 * (area.height - 1 - row), 0), 8)
                let isFloor = eighths == 0 && row == area.height - 1
                buffer.write(
                    isFloor ? levels[1] : levels[fill], column: column, row: area.row + row, width: 1,
                    style: isFloor ? .faint : style)
            }
        }
    }
}

/// The signs that the widgets are drawn with.
struct Glyphs {
    /// From nothing to a full cell, in eighths.
    let levels: [String]
    /// From nothing to a full cell, in eighths, growing to the right.
    let steps: [String]
    /// The part of a bar that is not done.
    let empty: String
    /// Between two remarks.
    let dot: String
    /// From one number to another.
    let arrow: String
    /// Between the ends of a range.
    let range: String
    /// Before the selected row.
    let marker: String
    /// A replica that is there, one that is wanted, one that is allowed.
    let pips: (here: String, wanted: String, allowed: String)

    static let unicode = Glyphs(
        levels: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"], steps: [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
        empty: "░", dot: "·", arrow: "→", range: "–", marker: "▸", pips: ("●", "○", "·"))
    static let ascii = Glyphs(
        levels: [" ", ".", ".", ":", ":", "|", "|", "#", "#"], steps: [" ", "-", "-", "-", "-", "=", "=", "=", "#"],
        empty: ".", dot: "-", arrow: "->", range: "-", marker: ">", pips: ("#", "+", "."))
}

extension CellBuffer {
    var glyphs: Glyphs { unicode ? .unicode : .ascii }
}
