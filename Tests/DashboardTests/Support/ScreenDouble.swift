import Dashboard

/// A terminal as simple as can be: it knows the sequences that the dashboard's frames may contain and nothing else.
struct ScreenDouble {
    private(set) var cells: [[Character]]
    private(set) var unknown: [String] = []
    private var (column, row) = (0, 0)

    init(_ size: Size) { cells = Array(repeating: Array(repeating: " ", count: size.width), count: size.height) }

    var rows: [String] {
        cells.map { row in
            let text = String(row.filter { $0 != "\u{0}" })
            return text.lastIndex { $0 != " " }.map { String(text[...$0]) } ?? ""
        }
    }

    mutating func receive(_ text: String) {
        var rest = Substring(text)
        while let next = rest.first {
            guard next == "\u{1b}" else {
                show(next)
                rest.removeFirst()
                continue
            }
            let end = rest.dropFirst(2).firstIndex { $0.isLetter }!
            sequence(String(rest[...end].dropFirst(2)))
            rest = rest[rest.index(after: end)...]
        }
    }

    private mutating func sequence(_ text: String) {
        switch text.last {
        case "H":
            let parts = text.dropLast().split(separator: ";").compactMap { Int($0) }
            (row, column) = (parts[0] - 1, parts[1] - 1)
        case "J": cells = cells.map { $0.map { _ in " " } }
        case "m": break
        case "h" where text == "?2026h", "l" where text == "?2026l": break
        default: unknown.append(text)
        }
    }

    private mutating func show(_ character: Character) {
        let width = String(character).columns
        // As real terminals do: half of a wide character that is written over goes blank.
        for offset in 0..<width {
            if cells[row][column + offset] == "\u{0}", offset == 0 { cells[row][column - 1] = " " }
            if column + offset + 1 < cells[row].count, cells[row][column + offset + 1] == "\u{0}" {
                cells[row][column + offset + 1] = " "
            }
        }
        cells[row][column] = character
        if width == 2 { cells[row][column + 1] = "\u{0}" }
        column += width
    }
}
