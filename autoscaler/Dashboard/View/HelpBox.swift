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
