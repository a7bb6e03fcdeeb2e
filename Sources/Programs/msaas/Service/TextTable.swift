/// A table for the terminal: columns as wide as their widest cell.
struct TextTable {
    private let rightAligned: Set<Int>
    private var rows: [[String]]

    /// A table with these column titles; the columns in `rightAligned` hold numbers.
    init(_ titles: [String], rightAligned: Set<Int> = []) {
        rows = [titles]
        self.rightAligned = rightAligned
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// The table, without a line break at its end.
    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                let isLast = column == columns - 1
                return rightAligned.contains(column) ? space + cell : isLast ? cell : cell + space
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
