import Foundation
import Jobs
import Policy
import ServiceContract

/// What has happened lately, newest first.
struct EventList {
    let model: DashboardModel

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

/// "15:04:05" of `time`, on a clock that is `offset` seconds ahead of UTC.
func timeOfDay(_ time: Date, offset: Int) -> String {
    let second = (Int(time.timeIntervalSince1970.rounded(.down)) + offset) % 86_400
    let parts = [second / 3600, second / 60 % 60, second % 60]
    return parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
}

/// "45 s", "2 min", "1 h 30 min": whole seconds, and no seconds beside minutes.
func span(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "?" }
    let whole = Int(min(max(seconds, 0), 1e9).rounded())
    if whole < 60 { return "\(whole) s" }
    return Duration.seconds(whole / 60 * 60).words
}

/// "412 MiB", "1.5 GiB".
func size(_ bytes: Int) -> String {
    let mebibytes = Double(bytes) / 1_048_576
    return mebibytes < 1000 ? "\(Int(mebibytes.rounded())) MiB" : "\(decimal(mebibytes / 1024, digits: 1)) GiB"
}

/// "1 worker", "2 workers".
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
