/// A bar of which a part is filled, in eighths of a cell.
struct ProgressBar {
    /// 0…1, and nothing else.
    var progress: Double
    var style: Style

    func draw(column: Int, row: Int, width: Int, of buffer: inout CellBuffer) {
        guard width > 0 else { return }
        let glyphs = buffer.glyphs
        let eighths = Int((progress * Double(width * 8)).rounded())
        for offset in 0..<width {
            let fill = min(max(eighths - 8 * offset, 0), 8)
            buffer.write(
                fill == 0 ? glyphs.empty : glyphs.steps[fill], column: column + offset, row: row, width: 1,
                style: fill == 0 ? .faint : style)
        }
    }
}
