/// A column of a table of items: its heading, its width, on which side its text stands, and what an item has in it.
struct Column<Item> {
    var title: String
    /// `nil`: what is left; one column has it.
    var width: Int?
    var isRight: Bool
    var style: ((Item) -> Style)?
    var text: (Item) -> String

    init(
        _ title: String, width: Int?, isRight: Bool = false, style: ((Item) -> Style)? = nil,
        text: @escaping (Item) -> String
    ) {
        (self.title, self.width, self.isRight, self.style, self.text) = (title, width, isRight, style, text)
    }

    /// Writes a text that stands in this column.
    func write(
        _ text: String, at place: (start: Int, width: Int), row: Int, style: Style, in buffer: inout CellBuffer
    ) {
        guard place.width > 0 else { return }
        if isRight {
            buffer.write(text, rightIn: place.width, column: place.start, row: row, style: style)
        } else {
            buffer.write(text, column: place.start, row: row, width: place.width, style: style)
        }
    }
}

/// A list of items in columns, a row for each, as many as fit, the selected one among them.
struct ScrollTable<Item> {
    var columns: [Column<Item>]
    var rows: [Item]
    var style: (Item) -> Style = { _ in .plain }
    var selected: Int?
    /// What stands there without rows.
    var empty: String

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard area.height > 0, area.width > 4 else { return }
        var rest = area
        let head = rest.takeTop(1)
        let places = places(in: area)
        for (column, place) in zip(columns, places) {
            column.write(column.title, at: place, row: head.row, style: .heading, in: &buffer)
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
            let item = rows[index]
            for (column, place) in zip(columns, places) {
                column.write(
                    column.text(item), at: place, row: row, style: column.style?(item) ?? style(item), in: &buffer)
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
}
