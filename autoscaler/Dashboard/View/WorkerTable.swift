import Foundation
import Jobs
import ServiceContract

/// One row a worker: name, state, memory, song, and how far it is.
struct WorkerTable {
    let model: DashboardModel

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard model.snapshot != nil, area.height > 0 else { return }
        var rest = area
        let facts = facts(area)
        let places = Places(
            area, longestName: model.workers.map(\.id.columns).max() ?? 0, facts: facts.map { $0.width ?? 0 })
        let visible = window(max(area.height - 1, 0))
        heading(facts, places, rest.takeTop(1), visible, &buffer)
        if model.workers.isEmpty {
            let text = "no worker is running"
            buffer.write(text, column: places.name.start, row: rest.row, width: rest.width - 2, style: .faint)
        }
        for (worker, row) in zip(model.workers[visible], rest.row..<(rest.row + rest.height)) {
            draw(worker, facts, places, row, &buffer)
            if worker.id == model.selection {
                buffer.write(buffer.glyphs.marker, column: area.column, row: row, width: 1)
                let line = Area(column: area.column, row: row, width: area.width - 1, height: 1)
                buffer.restyle(line, Style(isBold: true, isReversed: true))
            }
        }
    }

    /// What stands between a worker's name and its song; the page of workers (`PageView`) has more of it.
    private func facts(_ area: Area) -> [Column<WorkerRecord>] {
        [
            Column("STATE", width: 8, style: style(of:)) { model.state(of: $0) },
            // On a narrow screen the song is worth more than the memory.
            Column("MEMORY", width: area.width < 64 ? 0 : 8, isRight: true) { size($0.memory) },
        ]
    }

    /// The workers that fit, the selected one among them.
    private func window(_ rows: Int) -> Range<Int> {
        let count = model.workers.count
        let selected = model.workers.firstIndex { $0.id == model.selection } ?? 0
        let start = min(max(0, selected - rows + 1), max(0, count - rows))
        return start..<min(start + rows, count)
    }

    private func heading(
        _ facts: [Column<WorkerRecord>], _ places: Places, _ area: Area, _ visible: Range<Int>,
        _ buffer: inout CellBuffer
    ) {
        guard !area.isEmpty else { return }
        func write(_ text: String, _ place: Places.Place) {
            buffer.write(text, column: place.start, row: area.row, width: place.width, style: .heading)
        }
        let count = model.workers.count
        if visible.count < count {
            let part = "\(visible.lowerBound + 1)\(buffer.glyphs.range)\(visible.upperBound) of \(count)"
            buffer.write(part, rightIn: area.width - 1, column: area.column, row: area.row, style: .heading)
        }
        write("WORKERS", places.name)
        for (fact, place) in zip(facts, places.facts) {
            fact.write(fact.title, at: place, row: area.row, style: .heading, in: &buffer)
        }
        write("JOB", places.song)
    }

    private func draw(
        _ worker: WorkerRecord, _ facts: [Column<WorkerRecord>], _ places: Places, _ row: Int,
        _ buffer: inout CellBuffer
    ) {
        let name = worker.id.shortenedAtStart(to: places.name.width, mark: buffer.unicode ? "…" : "~")
        buffer.write(name, column: places.name.start, row: row, width: places.name.width)
        for (fact, place) in zip(facts, places.facts) {
            fact.write(fact.text(worker), at: place, row: row, style: fact.style?(worker) ?? .plain, in: &buffer)
        }
        guard let job = worker.job else { return }
        buffer.write(model.song(job), column: places.song.start, row: row, width: places.song.width)
        guard let progress = worker.progress.map({ $0.isFinite ? min(max($0, 0), 1) : 0 }) else { return }
        let bar = places.bar
        ProgressBar(progress: progress, style: style(of: worker))
            .draw(column: bar.start, row: row, width: bar.width, of: &buffer)
        let share = "\(Int((progress * 100).rounded(.down)))%"
        buffer.write(share, rightIn: places.share.width, column: places.share.start, row: row)
    }

    private func style(of worker: WorkerRecord) -> Style {
        let styles: [String: Style] = ["silent": .bad, "idle": .faint, "busy": .good]
        return styles[model.state(of: worker)] ?? .warning
    }

    /// Where each column begins and how wide it is.
    private struct Places {
        typealias Place = (start: Int, width: Int)
        let name, song, bar, share: Place
        let facts: [Place]

        init(_ area: Area, longestName: Int, facts widths: [Int]) {
            let share = 4
            // A margin on the left for the marker, one on the right, and a gap after each column but the last.
            let flexible = max(area.width - 2 - (widths.count + 3) * 2 - widths.reduce(share, +), 0)
            let name = min(max(longestName, 12), max(flexible * 9 / 25, 12))
            let bar = min(max((flexible - name) * 2 / 5, 0), 40)
            var next = area.column + 1
            func place(_ width: Int) -> Place {
                defer { next += width + 2 }
                return (next, max(0, min(width, area.column + area.width - 1 - next)))
            }
            self.name = place(name)
            facts = widths.map(place)
            song = place(flexible - name - bar)
            self.bar = place(bar)
            self.share = place(share)
        }
    }
}

extension String {
    /// The end of the text in at most `room` columns; if something had to be cut, it starts with `mark`. Names that
    /// are made by counting or by chance differ at their ends.
    fileprivate func shortenedAtStart(to room: Int, mark: String) -> String {
        guard columns > room else { return self }
        var (kept, used) = ([Character](), mark.columns)
        for character in reversed() {
            guard used + character.columns <= room else { break }
            kept.append(character)
            used += character.columns
        }
        return mark + String(kept.reversed())
    }
}

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
