/// The signs that the widgets are drawn with.
struct Glyphs {
    /// From nothing to a full cell, in eighths.
    let levels: [String]
    /// From nothing to a full cell, in eighths, growing to the right.
    let steps: [String]
    /// The part of a bar that is not done.
    let empty: String
    /// Between two remarks.
    let dot: String
    /// From one number to another.
    let arrow: String
    /// Between the ends of a range.
    let range: String
    /// Before the selected row.
    let marker: String
    /// A replica that is there, one that is wanted, one that is allowed.
    let pips: (here: String, wanted: String, allowed: String)

    static let unicode = Glyphs(
        levels: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"], steps: [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
        empty: "░", dot: "·", arrow: "→", range: "–", marker: "▸", pips: ("●", "○", "·"))
    static let ascii = Glyphs(
        levels: [" ", ".", ".", ":", ":", "|", "|", "#", "#"], steps: [" ", "-", "-", "-", "-", "=", "=", "=", "#"],
        empty: ".", dot: "-", arrow: "->", range: "-", marker: ">", pips: ("#", "+", "."))
}

extension CellBuffer {
    var glyphs: Glyphs { unicode ? .unicode : .ascii }
}
