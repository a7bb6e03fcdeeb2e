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
