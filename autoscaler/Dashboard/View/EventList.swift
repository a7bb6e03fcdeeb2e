import Jobs
import ServiceContract

/// What has happened lately, newest first.
struct EventList {
    let model: Model

    func draw(in area: Area, of buffer: inout CellBuffer) {
        guard model.snapshot != nil, area.height > 1 else { return }
        var rest = area
        let head = rest.takeTop(1)
        buffer.write("EVENTS", column: head.column + 1, row: head.row, width: head.width - 1, style: .heading)
        if model.events.isEmpty {
            buffer.write("none yet", column: rest.column + 1, row: rest.row, width: rest.width - 1, style: .faint)
        }
        for (event, row) in zip(model.events, rest.row..<(rest.row + rest.height)) {
            draw(event, Area(column: rest.column + 1, row: row, width: rest.width - 2, height: 1), &buffer)
        }
    }

    private func draw(_ event: JobEvent, _ area: Area, _ buffer: inout CellBuffer) {
        let time = timeOfDay(event.time, offset: model.clockOffset)
        var column = area.column
        func add(_ text: String, width: Int? = nil, _ style: Style = .plain) {
            let room = area.column + area.width - column
            let used = buffer.write(text, column: column, row: area.row, width: min(width ?? room, room), style: style)
            column += (width ?? used) + 2
        }
        add(time, width: 8, .faint)
        add(event.kind.rawValue, width: 9, event.kind.style)
        let song = model.song(event.job)
        // The reason is worth more than the worker's name.
        guard let message = event.message ?? event.worker, message != song else { return add(song) }
        let room = area.column + area.width - column
        add(song, width: min(song.printable(unicode: buffer.unicode).columns, max(room * 9 / 20, 8)))
        add(message, event.message == nil ? .faint : .plain)
    }
}

extension JobEvent.Kind {
    fileprivate var style: Style {
        switch self {
        case .enqueued, .progress, .sealed: .plain
        case .started: .accent
        case .done, .revived: .good
        case .retried, .givenBack, .recovered, .cancelled, .removed: .warning
        case .failed, .dead: .bad
        }
    }
}
