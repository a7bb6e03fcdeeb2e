/// The keys, or for a while the word about the last one.
struct FooterBar {
    let model: Model

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard !area.isEmpty else { return }
        if let notice = model.notice {
            let style = notice.isBad ? Style(color: .bad, isBold: true) : .bold
            buffer.write(notice.text, column: area.column + 1, row: area.row, width: area.width - 1, style: style)
            return
        }
        let keys = [
            ("p", model.control.isPaused ? "resume" : "pause"), ("+/-", "override"), ("a", "automatic"), ("d", "drain"),
            ("r", "retry dead"), ("?", "help"), ("q", "quit"),
        ]
        var column = area.column + 1
        for (key, meaning) in keys {
            guard column + key.count + 1 + meaning.count <= area.column + area.width else { break }
            column += 1 + buffer.write(key, column: column, row: area.row, width: area.width, style: .bold)
            column += 2 + buffer.write(meaning, column: column, row: area.row, width: area.width, style: .faint)
        }
    }
}
