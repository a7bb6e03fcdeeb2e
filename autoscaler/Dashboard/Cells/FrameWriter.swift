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

/// How a cell looks. A terminal shows as much of it as it can.
package struct Style: Sendable, Hashable {
    /// A colour by its meaning; the terminal's own palette says what it looks like.
    package enum Color: Sendable, Hashable {
        case plain
        case accent
        case good
        case warning
        case bad
        case faint
    }

    package var color: Color = .plain
    package var isBold = false
    package var isReversed = false

    package init(color: Color = .plain, isBold: Bool = false, isReversed: Bool = false) {
        self.color = color
        self.isBold = isBold
        self.isReversed = isReversed
    }

    package static let plain = Style()
    static let bold = Style(isBold: true)
    static let heading = Style(color: .faint)
    static let faint = Style(color: .faint)
    static let accent = Style(color: .accent)
    package static let good = Style(color: .good)
    static let warning = Style(color: .warning)
    package static let bad = Style(color: .bad)
    static let title = Style(isBold: true, isReversed: true)

    /// The sequence (SGR) that makes the terminal write in this style and no other.
    func sequence(_ depth: ColorDepth) -> String {
        var codes = ["0"]
        if isBold { codes.append("1") }
        if isReversed { codes.append("7") }
        if let code = color.code(depth) { codes.append(code) }
        return "\u{1b}[\(codes.joined(separator: ";"))m"
    }
}

extension Style.Color {
    fileprivate func code(_ depth: ColorDepth) -> String? {
        switch depth {
        case .none: nil
        case .basic:
            switch self {
            case .plain: nil
            case .accent: "36"
            case .good: "32"
            case .warning: "33"
            case .bad: "31"
            case .faint: "2"
            }
        case .palette:
            palette.map { "38;5;\($0)" }
        case .full:
            full.map { "38;2;\($0.0);\($0.1);\($0.2)" }
        }
    }

    private var palette: Int? {
        switch self {
        case .plain: nil
        case .accent: 74
        case .good: 71
        case .warning: 179
        case .bad: 167
        case .faint: 245
        }
    }

    private var full: (Int, Int, Int)? {
        switch self {
        case .plain: nil
        case .accent: (86, 156, 214)
        case .good: (106, 176, 96)
        case .warning: (215, 170, 80)
        case .bad: (220, 95, 90)
        case .faint: (138, 138, 138)
        }
    }
}
