import Foundation
import Synchronization
import Terminal

/// The line that says what is going on: on a terminal it stands below everything else and is overwritten as it changes; elsewhere
/// it is a line of its own now and then. It never takes more columns than the terminal has, since what wraps cannot be overwritten.
final class StatusLine: Sendable {
    private struct State {
        var shown = ""
        var lastLine = ContinuousClock.now
    }

    private let state = Mutex(State())

    /// Shows a text in place of what was shown before.
    ///
    /// - Parameters:
    ///   - share: the finished part of what goes on, 0…1, as a bar in front of the text where there is room.
    func show(_ text: String, share: Double? = nil) {
        state.withLock { state in
            guard let columns = StandardStreams.columns else {
                guard ContinuousClock.now - state.lastLine >= .seconds(10) else { return }
                state.lastLine = .now
                return note((share.map { "\(percent($0)), " } ?? "") + text.printable)
            }
            // The last column stays free: some terminals wrap when it is written.
            let line = Self.line(text.printable, share: share, columns: columns - 1)
            guard line != state.shown else { return }
            state.shown = line
            StandardStreams.show("\r\u{1b}[K" + line)
        }
    }

    /// Takes the line away.
    func clear() { above {} }

    /// Writes lines above it.
    func above(_ body: () -> Void) {
        state.withLock { state in
            if !state.shown.isEmpty { StandardStreams.show("\r\u{1b}[K") }
            state.shown = ""
            body()
        }
    }

    /// A line of at most so many columns.
    static func line(_ text: String, share: Double?, columns: Int) -> String {
        guard let share else { return text.cut(to: columns) }
        let head = percent(share)
        let room = min(30, columns - head.columns - text.columns - 2)
        let bar = room >= 5 ? " " + self.bar(share, columns: room) : ""
        return "\(head)\(bar) \(text)".cut(to: columns)
    }

    private static func bar(_ share: Double, columns: Int) -> String {
        let filled = Int(min(1, max(0, share)) * Double(columns))
        return String(repeating: "█", count: filled) + String(repeating: "·", count: columns - filled)
    }
}

/// For example ` 45 %`.
func percent(_ share: Double) -> String {
    let text = "\(Int(min(1, max(0, share)) * 100)) %"
    return String(repeating: " ", count: max(0, 5 - text.count)) + text
}

/// Seconds as minutes and seconds, such as `3:07`, or with hours, such as `2:00:09`.
func time(_ seconds: Double) -> String {
    let whole = Int(min(max(0, seconds.isFinite ? seconds.rounded() : 0), 1e9))
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return whole < 3600
        ? "\(whole / 60):\(two(whole % 60))" : "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
}

/// How far the tracks of a batch are, for the status line; told from several threads.
final class BatchProgress: Sendable {
    private struct State {
        var finished = 0
        /// The finished parts and lengths in seconds of the tracks that are being worked on.
        var running: [Int: (share: Double, seconds: Double?)] = [:]
        var secondsDone = 0.0
    }

    private let state = Mutex(State())
    private let line: StatusLine
    private let total: Int
    private let clock = ContinuousClock()
    private let begin: ContinuousClock.Instant

    /// The progress of `total` tracks; time counts from now on.
    init(of total: Int, on line: StatusLine) {
        self.total = total
        self.line = line
        begin = clock.now
    }

    /// Track number `index` is so far.
    func update(_ index: Int, share: Double, seconds: Double?) {
        let (text, share) = state.withLock { state in
            state.running[index] = (share, seconds)
            return summary(state)
        }
        line.show(text, share: share)
    }

    /// Track number `index` is at its end, whichever.
    func end(_ index: Int) {
        state.withLock { state in
            if let track = state.running.removeValue(forKey: index) {
                state.secondsDone += track.share * (track.seconds ?? 0)
            }
            state.finished += 1
        }
        line.clear()
    }

    private func summary(_ state: State) -> (String, Double) {
        let share = state.running.values.reduce(Double(state.finished)) { $0 + $1.share } / Double(max(1, total))
        let audio = state.running.values.reduce(state.secondsDone) { $0 + $1.share * ($1.seconds ?? 0) }
        let elapsed = (clock.now - begin) / .seconds(1)
        let place = total > 1 ? "\(min(total, state.finished + 1)) of \(total), " : ""
        guard share > 0, elapsed > 0, audio > 0 else { return (place + "reading the track", share) }
        let speed = String(format: "%.1f", audio / elapsed)
        return ("\(place)\(time(elapsed * (1 - share) / share)) left, \(speed) × real time", share)
    }
}

/// A table for the terminal: columns as wide as their widest cell.
struct TextTable {
    private let rightAligned: Set<Int>
    private var rows: [[String]]

    /// A table with these column titles; the columns in `rightAligned` hold numbers.
    init(_ titles: [String], rightAligned: Set<Int> = []) {
        rows = [titles]
        self.rightAligned = rightAligned
    }

    mutating func add(_ row: [String]) { rows.append(row.map(\.printable)) }

    /// The table, without a line break at its end.
    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].columns : 0 }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.columns)
                let isLast = column == columns - 1
                return rightAligned.contains(column) ? space + cell : isLast ? cell : cell + space
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

extension String {
    /// Columns that it takes on a terminal, at most: letters of the scripts that are written wide, and pictures, take two.
    var columns: Int { reduce(0) { $0 + Self.columns(of: $1) } }

    /// Its beginning that fits, with an ellipsis where something is missing.
    func cut(to columns: Int) -> String {
        guard self.columns > columns else { return self }
        var room = columns - 1
        let part = prefix { letter in
            room -= Self.columns(of: letter)
            return room >= 0
        }
        return columns > 0 ? part + "…" : ""
    }

    private static func columns(of letter: Character) -> Int {
        let first = letter.unicodeScalars.first?.value ?? 0
        let isNarrow = first < 0x1100 || (0x2000..<0x2e80).contains(first) && letter.unicodeScalars.count == 1
        return isNarrow ? 1 : 2
    }
}
