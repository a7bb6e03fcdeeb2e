/// Name, place, and the time of Redis.
struct TitleBar {
    let model: Model

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard !area.isEmpty else { return }
        let name = " msaas autoscaler \(buffer.glyphs.dot) \(model.source)"
        buffer.write(name, column: area.column, row: area.row, width: area.width - 10)
        if model.snapshot != nil {
            let time = timeOfDay(model.now, offset: model.clockOffset) + " "
            buffer.write(time, rightIn: area.width, column: area.column, row: area.row)
        }
        buffer.restyle(area, .title)
    }
}

/// What stands in the way of seeing the present.
struct Banner {
    let model: Model

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard !area.isEmpty, let trouble = model.trouble else { return }
        buffer.write(" \(trouble)", column: area.column, row: area.row, width: area.width)
        buffer.restyle(area, Style(color: .bad, isBold: true, isReversed: true))
    }
}
