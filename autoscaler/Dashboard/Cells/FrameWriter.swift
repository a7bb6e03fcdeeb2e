/// Turns pictures into what a terminal is sent: only what differs from the picture before.
package struct FrameWriter {
    private let depth: ColorDepth
    private var shown: CellBuffer?

    /// A writer for a terminal whose screen holds anything.
    package init(depth: ColorDepth) { self.depth = depth }

    /// Forgets what is on the screen: the next frame is drawn whole.
    package mutating func invalidate() { shown = nil }

    /// The bytes that turn the last picture into `next`; nothing when they are equal.
    package mutating func frame(_ next: CellBuffer) -> String {
        let before = shown?.size == next.size ? shown : nil
        shown = next
        var pen = Pen(depth: depth)
        if before == nil { pen.text += "\u{1b}[0m\u{1b}[2J" }
        for row in 0..<next.size.height {
            var column = 0
            while column < next.size.width {
                let cell = next[column, row]
                let width = cell.character?.columns ?? 1
                let isSame = before.map { isEqual($0, next, column, row, width) } ?? (cell == .blank)
                if !isSame { pen.draw(cell, width, column, row) }
                column += max(width, 1)
            }
        }
        guard !pen.text.isEmpty else { return "" }
        // The terminal is asked to show the frame at once (mode 2026); one that does not know the mode ignores it.
        return "\u{1b}[?2026h\(pen.text)\u{1b}[0m\u{1b}[?2026l"
    }

    private func isEqual(_ old: CellBuffer, _ new: CellBuffer, _ column: Int, _ row: Int, _ width: Int) -> Bool {
        // Half of a wide character cannot stay: what stood in either column counts.
        (column..<min(column + width, new.size.width)).allSatisfy { old[$0, row] == new[$0, row] }
    }
}

/// Where the terminal's cursor is and in which style it writes.
private struct Pen {
    let depth: ColorDepth
    var text = ""
    private var place: (column: Int, row: Int)?
    private var style: Style?

    init(depth: ColorDepth) { self.depth = depth }

    mutating func draw(_ cell: Cell, _ width: Int, _ column: Int, _ row: Int) {
        guard let character = cell.character else { return }
        if place?.row != row || place?.column != column { text += "\u{1b}[\(row + 1);\(column + 1)H" }
        if style != cell.style {
            text += cell.style.sequence(depth)
            style = cell.style
        }
        text.append(character)
        place = character.isUncertain ? nil : (column + width, row)
    }
}
