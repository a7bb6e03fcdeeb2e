import Jobs

/// The whole screen: a function of the model and the size alone.
package struct DashboardView {
    let model: Model
    let unicode: Bool

    /// The view of `model` on a terminal that shows more than ASCII, or not.
    package init(_ model: Model, unicode: Bool = true) {
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
