import Jobs

/// The whole screen: a function of the model and the size alone.
package struct DashboardView {
    let model: DashboardModel
    let unicode: Bool

    /// The view of `model` on a terminal that shows more than ASCII, or not.
    package init(_ model: DashboardModel, unicode: Bool = true) {
        self.model = model
        self.unicode = unicode
    }

    /// The smallest size that something can be seen in.
    static let smallest = Size(width: 40, height: 10)
    /// From this width on workers and events stand side by side.
    static let sideBySide = 120

    /// The screen.
    package func picture(_ size: Size) -> CellBuffer {
        var buffer = CellBuffer(size: size, unicode: unicode)
        var rest = Area(column: 0, row: 0, width: size.width, height: size.height)
        guard size.width >= Self.smallest.width, size.height >= Self.smallest.height else {
            let wanted = "too small: \(Self.smallest.width) by \(Self.smallest.height) or more is needed"
            for (row, line) in wanted.wrapped(to: size.width).enumerated() {
                buffer.write(line, column: 0, row: row, width: size.width)
            }
            return buffer
        }
        let foot = rest.takeBottom(1)
        guard model.pages.page == .overview else {
            TitleBar(model: model).draw(in: rest.takeTop(1), of: &buffer)
            Banner(model: model).draw(in: rest.takeTop(1), of: &buffer)
            PageView(model: model).draw(in: rest, of: &buffer)
            FooterBar(model: model).draw(in: foot, of: &buffer)
            if model.isHelpShown { HelpBox().draw(over: &buffer) }
            return buffer
        }
        overview(&rest, chartRows: size.height < 20 ? 1 : size.height < 30 ? 3 : size.height < 45 ? 4 : 6, &buffer)
        if size.width >= Self.sideBySide {
            let left = rest.takeLeft(rest.width * 11 / 20)
            WorkerTable(model: model).draw(in: left, of: &buffer)
            EventList(model: model).draw(in: rest, of: &buffer)
        } else {
            WorkerTable(model: model).draw(in: rest.takeTop(tableRows(rest.height)), of: &buffer)
            EventList(model: model).draw(in: rest, of: &buffer)
        }
        FooterBar(model: model).draw(in: foot, of: &buffer)
        if model.isHelpShown { HelpBox().draw(over: &buffer) }
        return buffer
    }

    /// The same as a text to keep: all workers, the last events, nothing about keys.
    package func report(width: Int) -> CellBuffer {
        let (rows, events) = (max(model.workers.count, 1) + 2, min(model.events.count, 10) + 1)
        let size = Size(width: max(width, Self.smallest.width), height: 13 + rows + events)
        var buffer = CellBuffer(size: size, unicode: unicode)
        var rest = Area(column: 0, row: 0, width: size.width, height: size.height)
        overview(&rest, chartRows: 3, &buffer)
        WorkerTable(model: model).draw(in: rest.takeTop(rows), of: &buffer)
        EventList(model: model).draw(in: rest, of: &buffer)
        return buffer
    }

    /// Title, charts and the autoscaler's word.
    private func overview(_ rest: inout Area, chartRows: Int, _ buffer: inout CellBuffer) {
        TitleBar(model: model).draw(in: rest.takeTop(1), of: &buffer)
        Banner(model: model).draw(in: rest.takeTop(1), of: &buffer)
        TrafficCharts(model: model).draw(in: rest.takeTop(chartRows + 2), of: &buffer)
        DecisionPanel(model: model).draw(in: rest.takeTop(5), of: &buffer)
        _ = rest.takeTop(1)
    }

    /// Workers get what they need, but leave a part of the room to the events.
    private func tableRows(_ height: Int) -> Int {
        let needed = max(model.workers.count, 1) + 1
        return min(needed + (height > 10 ? 1 : 0), max(height * 11 / 20, 2))
    }
}

/// Name, place, and the time of Redis.
struct TitleBar {
    let model: DashboardModel

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard !area.isEmpty else { return }
        let page = model.pages.page
        let name =
            " msaas autoscaler \(buffer.glyphs.dot) \(model.source)"
            + (page == .overview ? "" : " \(buffer.glyphs.dot) \(page.title)")
        buffer.write(name, column: area.column, row: area.row, width: area.width - 10)
        if model.snapshot != nil {
            let time = timeOfDay(model.now, offset: model.clockOffset) + " "
            buffer.write(time, rightIn: area.width, column: area.column, row: area.row)
        }
        buffer.restyle(area, .title)
    }
}

/// What stands in the way of seeing the present; else what the operator should look after.
struct Banner {
    let model: DashboardModel

    func draw(in area: Area, of buffer: inout CellBuffer) {
        let warnings = model.warnings
        guard !area.isEmpty, let text = model.trouble ?? warnings.first else { return }
        let more = model.trouble == nil && warnings.count > 1 ? " (+\(warnings.count - 1))" : ""
        buffer.write(" \(text)", column: area.column, row: area.row, width: area.width - more.count)
        buffer.write(more, rightIn: area.width, column: area.column, row: area.row)
        // Redis in trouble is worse than an object or two.
        let isBad = model.trouble != nil || !(model.snapshot?.warnings ?? []).isEmpty
        buffer.restyle(area, Style(color: isBad ? .bad : .warning, isBold: true, isReversed: true))
    }
}

/// The keys, or for a while the word about the last one.
struct FooterBar {
    let model: DashboardModel

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard !area.isEmpty else { return }
        if let notice = model.notice {
            let style = notice.isBad ? Style(color: .bad, isBold: true) : .bold
            buffer.write(notice.text, column: area.column + 1, row: area.row, width: area.width - 1, style: style)
            return
        }
        let keys = model.pages.page == .overview ? overview : Self.keys(on: model.pages)
        var column = area.column + 1
        for (key, meaning) in keys {
            guard column + key.count + 1 + meaning.count <= area.column + area.width else { break }
            column += 1 + buffer.write(key, column: column, row: area.row, width: area.width, style: .bold)
            column += 2 + buffer.write(meaning, column: column, row: area.row, width: area.width, style: .faint)
        }
    }

    private static func keys(on pages: PageState) -> [(String, String)] {
        let turning = [("1-5", "pages"), ("?", "help"), ("q", "quit")]
        switch pages.page {
        case .overview: return turning
        case .workers: return [("j k", "select"), ("Enter", "what it did"), ("d", "drain")] + turning
        case .jobs where pages.isTyping: return [("Enter", "done"), ("Esc", "no filter")]
        case .jobs:
            return [("j k", "select"), ("Enter", "details"), ("/", "filter"), ("x", "cancel"), ("r", "retry")] + turning
        case .decisions, .functions: return [("j k", "scroll")] + turning
        }
    }

    private var overview: [(String, String)] {
        [
            ("p", model.control.isPaused ? "resume" : "pause"), ("+/-", "override"), ("a", "automatic"), ("d", "drain"),
            ("r", "retry dead"), ("?", "help"), ("q", "quit"), ("1-5", "pages"),
        ]
    }
}

/// All keys, in a box over the middle of the screen.
struct HelpBox {
    private static let keys = [
        ("p", "pause scaling; p again resumes"),
        ("+ -", "override: keep one worker more or fewer"),
        ("a", "back to automatic: no pause, no override"),
        ("j k  arrows", "select a worker (g first, G last, Esc none)"),
        ("d", "drain the selected worker: it finishes its job and"),
        ("", "ends; d again takes the request back"),
        ("r", "put all dead jobs back into the queue"),
        ("1-5  Tab", "pages: overview, workers, jobs, decisions, functions"),
        ("Enter", "on a page: what a worker did, all about a job"),
        ("/  x  r", "on the jobs: filter, cancel, retry the selected one"),
        ("Ctrl-L", "draw the screen anew"),
        ("?  Esc", "close this help"),
        ("q  Ctrl-C", "quit; the service goes on"),
    ]

    func draw(over buffer: inout CellBuffer) {
        let (width, height) = (min(70, buffer.size.width - 2), min(Self.keys.count + 4, buffer.size.height))
        let area = Area(
            column: (buffer.size.width - width) / 2, row: (buffer.size.height - height) / 2, width: width,
            height: height)
        buffer.clear(area)
        frame(area, &buffer)
        for (offset, (key, meaning)) in Self.keys.prefix(max(height - 4, 0)).enumerated() {
            let row = area.row + 2 + offset
            buffer.write(key, column: area.column + 3, row: row, width: 12, style: .bold)
            buffer.write(meaning, column: area.column + 16, row: row, width: width - 18)
        }
    }

    private func frame(_ area: Area, _ buffer: inout CellBuffer) {
        let (bar, side) = buffer.unicode ? ("─", "│") : ("-", "|")
        let corners = buffer.unicode ? ["┌", "┐", "└", "┘"] : ["+", "+", "+", "+"]
        let line = String(repeating: bar, count: max(area.width - 2, 0))
        let (last, right) = (area.row + area.height - 1, area.column + area.width - 1)
        buffer.write(
            corners[0] + line + corners[1], column: area.column, row: area.row, width: area.width, style: .faint)
        buffer.write(" Keys ", column: area.column + 2, row: area.row, width: 6, style: .bold)
        for row in area.row + 1..<last {
            buffer.write(side, column: area.column, row: row, width: 1, style: .faint)
            buffer.write(side, column: right, row: row, width: 1, style: .faint)
        }
        buffer.write(corners[2] + line + corners[3], column: area.column, row: last, width: area.width, style: .faint)
    }
}
