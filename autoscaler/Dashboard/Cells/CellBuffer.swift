/// One place on the screen.
package struct Cell: Sendable, Hashable {
    /// What is shown; empty for the right half of a wide character.
    package var character: Character?
    package var style: Style

    static let blank = Cell(character: " ", style: .plain)
    /// The right half of a wide character.
    static func continuation(_ style: Style) -> Cell { Cell(character: nil, style: style) }
}

/// A picture of the screen: what widgets draw into and tests look at.
package struct CellBuffer: Sendable, Equatable {
    /// How large it is.
    package let size: Size
    /// Whether the terminal can show more than ASCII; text is written accordingly.
    let unicode: Bool
    private(set) var cells: [Cell]

    package init(size: Size, unicode: Bool = true) {
        self.size = size
        self.unicode = unicode
        cells = Array(repeating: .blank, count: size.width * size.height)
    }

    /// The cell in a place that exists.
    package subscript(column: Int, row: Int) -> Cell { cells[row * size.width + column] }

    /// The rows as text, without the blanks at their ends.
    package var rows: [String] {
        (0..<size.height).map { row in
            let characters = (0..<size.width).compactMap { self[$0, row].character }
            let end = characters.lastIndex { $0 != " " }.map { $0 + 1 } ?? 0
            return String(characters[..<end])
        }
    }

    /// Writes one line of text into at most `width` columns; what does not fit is cut, and "…" says so.
    ///
    /// - Returns: the columns that were used.
    @discardableResult
    package mutating func write(_ text: String, column: Int, row: Int, width: Int, style: Style = .plain) -> Int {
        guard (0..<size.height).contains(row), column >= 0 else { return 0 }
        let room = min(width, size.width - column)
        guard room > 0 else { return 0 }
        var used = 0
        for character in text.printable(unicode: unicode).shortened(to: room, mark: unicode ? "…" : "~") {
            let columns = character.columns
            // A lone combining mark has no cell of its own.
            guard columns > 0, used + columns <= room else { continue }
            put(character, columns, column + used, row, style)
            used += columns
        }
        return used
    }

    /// Writes one line of text so that it ends at the right end of `width` columns.
    mutating func write(_ text: String, rightIn width: Int, column: Int, row: Int, style: Style = .plain) {
        let columns = min(text.printable(unicode: unicode).columns, width)
        write(text, column: column + width - columns, row: row, width: columns, style: style)
    }

    /// Gives all cells of `area` one style; their text stays.
    mutating func restyle(_ area: Area, _ style: Style) {
        for row in area.row..<min(area.row + area.height, size.height) {
            for column in area.column..<min(area.column + area.width, size.width) {
                cells[row * size.width + column].style = style
            }
        }
    }

    /// Blanks `area`.
    mutating func clear(_ area: Area) {
        for row in area.row..<min(area.row + area.height, size.height) {
            for column in area.column..<min(area.column + area.width, size.width) { blank(column, row) }
        }
    }

    private mutating func put(_ character: Character, _ columns: Int, _ column: Int, _ row: Int, _ style: Style) {
        for offset in 0..<columns { blank(column + offset, row) }
        cells[row * size.width + column] = Cell(character: character, style: style)
        if columns == 2 { cells[row * size.width + column + 1] = .continuation(style) }
    }

    /// Blanks a cell, and the other half of a wide character that it belongs to.
    private mutating func blank(_ column: Int, _ row: Int) {
        let index = row * size.width + column
        if cells[index].character == nil, column > 0 { cells[index - 1] = .blank }
        if column + 1 < size.width, cells[index + 1].character == nil { cells[index + 1] = .blank }
        cells[index] = .blank
    }
}

extension String {
    /// The text in at most `room` columns; if something had to be cut, it ends with `mark`.
    package func shortened(to room: Int, mark: String) -> String {
        guard columns > room else { return self }
        var (result, used) = ("", 0)
        for character in self {
            guard used + character.columns + mark.columns <= room else { break }
            result.append(character)
            used += character.columns
        }
        return result + mark
    }

    /// The text in lines of at most `width` columns, broken at blanks where there are any.
    package func wrapped(to width: Int) -> [String] {
        guard width > 0 else { return [] }
        var (lines, line) = ([String](), "")
        for word in split(separator: " ") {
            if !line.isEmpty, line.columns + 1 + word.columns > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        return line.isEmpty ? lines : lines + [line]
    }
}

/// A size in cells.
package struct Size: Sendable, Equatable {
    /// Columns.
    package var width: Int
    /// Rows.
    package var height: Int

    /// A size; what is negative counts as 0.
    package init(width: Int, height: Int) {
        self.width = max(0, width)
        self.height = max(0, height)
    }
}

/// A rectangle of cells that a widget draws into.
struct Area: Equatable {
    var column: Int
    var row: Int
    var width: Int
    var height: Int

    init(column: Int, row: Int, width: Int, height: Int) {
        self.column = column
        self.row = row
        self.width = max(0, width)
        self.height = max(0, height)
    }

    var isEmpty: Bool { width == 0 || height == 0 }

    /// Cuts the upper `rows` rows off and returns them.
    mutating func takeTop(_ rows: Int) -> Area {
        let taken = min(max(0, rows), height)
        defer { (row, height) = (row + taken, height - taken) }
        return Area(column: column, row: row, width: width, height: taken)
    }

    /// Cuts the lower `rows` rows off and returns them.
    mutating func takeBottom(_ rows: Int) -> Area {
        let taken = min(max(0, rows), height)
        height -= taken
        return Area(column: column, row: row + height, width: width, height: taken)
    }

    /// Cuts the left `columns` columns off and returns them.
    mutating func takeLeft(_ columns: Int) -> Area {
        let taken = min(max(0, columns), width)
        defer { (column, width) = (column + taken, width - taken) }
        return Area(column: column, row: row, width: taken, height: height)
    }
}
