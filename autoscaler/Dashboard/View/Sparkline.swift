/// A row of columns, each as high as its value; "no value" stays blank, and 0 is a faint line at the bottom.
struct Sparkline {
    /// The values from left to right.
    var values: [Double?]
    /// The value of a full column.
    var ceiling: Double
    var style: Style

    func draw(in area: Area, of buffer: inout CellBuffer) {
        let levels = buffer.glyphs.levels
        for (index, value) in values.suffix(area.width).enumerated() {
            guard let value else { continue }
            let column = area.column + area.width - min(values.count, area.width) + index
            let share = ceiling > 0 ? min(max(value / ceiling, 0), 1) : 0
            // What is not nothing is seen.
            let eighths = value > 0 ? max(1, Int((share * Double(area.height * 8)).rounded())) : 0
            for row in 0..<area.height {
                let fill = min(max(eighths - 8 * (area.height - 1 - row), 0), 8)
                let isFloor = eighths == 0 && row == area.height - 1
                buffer.write(
                    isFloor ? levels[1] : levels[fill], column: column, row: area.row + row, width: 1,
                    style: isFloor ? .faint : style)
            }
        }
    }
}
