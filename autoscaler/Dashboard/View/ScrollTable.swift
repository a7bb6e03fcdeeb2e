/// A list of rows in columns, as many as fit, the selected one among them.
struct ScrollTable {
    /// A column: its heading, its width, and on which side its text stands.
    struct Column {
        var title: String
        /// `nil`: what is left; one column has it.
        var width: Int?
        var isRight = false
    }

    /// What a row has in each column.
    struct Row {
        var texts: [String]
        var style = Style.plain
    }

    var columns: [Column]
    var rows: [Row]
    var selected: Int?
    /// What stands there without rows.
    var empty: String

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard area.height > 0, area.width > 4 else { return }
        var rest = area
        let head = rest.takeTop(1)
        let places = places(in: area)
        for (column, place) in zip(columns, places) {
            write(column.title, column, place, head.row, .heading, &buffer)
        }
        let visible = window(rest.height)
        if visible.count < rows.count {
            let part = "\(visible.lowerBound + 1)\(buffer.glyphs.range)\(visible.upperBound) of \(rows.count)"
            buffer.write(part, rightIn: area.width - 1, column: area.column, row: head.row, style: .heading)
        }
        if rows.isEmpty {
            buffer.write(empty, column: area.column + 1, row: rest.row, width: area.width - 2, style: .faint)
        }
        for (index, row) in zip(visible, rest.row..<(rest.row + rest.height)) {
            for (text, (column, place)) in zip(rows[index].texts, zip(columns, places)) {
                write(text, column, place, row, rows[index].style, &buffer)
            }
            guard index == selected else { continue }
            buffer.write(buffer.glyphs.marker, column: area.column, row: row, width: 1)
            buffer.restyle(
                Area(column: area.column, row: row, width: area.width - 1, height: 1),
                Style(isBold: true, isReversed: true))
        }
    }

    private func window(_ room: Int) -> Range<Int> {
        let start = min(max(0, (selected ?? 0) - room + 1), max(0, rows.count - room))
        return start..<min(start + room, rows.count)
    }

    private func places(in area: Area) -> [(start: Int, width: Int)] {
        let fixed = columns.reduce(0) { $0 + ($1.width ?? 0) }
        let free = max(0, area.width - 2 - fixed - 2 * (columns.count - 1))
        var next = area.column + 1
        return columns.map { column in
            let width = min(column.width ?? free, max(0, area.column + area.width - 1 - next))
            defer { next += width + 2 }
            return (next, width)
        }
    }

    private func write(
        _ text: String, _ column: Column, _ place: (start: Int, width: Int), _ row: Int, _ style: Style,
        _ buffer: inout CellBuffer
    ) {
        guard place.width > 0 else { return }
        if column.isRight {
            buffer.write(text, rightIn: place.width, column: place.start, row: row, style: style)
        } else {
            buffer.write(text, column: place.start, row: row, width: place.width, style: style)
        }
    }
}
