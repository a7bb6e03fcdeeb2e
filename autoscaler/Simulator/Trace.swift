import Foundation

/// When jobs came, and how long their tracks were.
public struct Trace: Sendable, Equatable {
    /// One job.
    public struct Arrival: Sendable, Equatable {
        /// Seconds from the start of the trace.
        public var at: Double
        /// Seconds of audio.
        public var audio: Double

        /// A job that comes `at` seconds from the start with so many seconds of audio.
        public init(at: Double, audio: Double) {
            self.at = at
            self.audio = audio
        }
    }

    /// What it is called in reports.
    public var name: String
    /// The jobs, in the order in which they came.
    public let arrivals: [Arrival]

    /// A trace of `arrivals` in any order.
    public init(name: String, arrivals: [Arrival]) {
        self.name = name
        self.arrivals = arrivals.enumerated()
            .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    }

    /// Seconds from the start to the last arrival.
    public var span: Double { arrivals.last?.at ?? 0 }

    /// Seconds of audio in all.
    public var audio: Double { arrivals.reduce(0) { $0 + $1.audio } }

    /// The trace as comma-separated values, which `Trace(name:text:)` reads back.
    public var text: String {
        var text = "at,seconds\n"
        for arrival in arrivals { text += "\(plain(arrival.at)),\(plain(arrival.audio))\n" }
        return text
    }

    private func plain(_ value: Double) -> String {
        value == value.rounded() ? "\(Int64(value))" : "\(value)"
    }
}

extension Trace {
    /// The longest span of a trace, in seconds: 31 days.
    static let longestSpan: Double = 31 * 86_400

    /// Reads comma-separated values (`at,seconds`, with or without that heading) or JSON lines
    /// (`{"at": 12.5, "seconds": 210}`). Empty lines and lines that begin with `#` are skipped; the order is free.
    ///
    /// - Throws: `TraceError` naming the first line that cannot be read.
    public init(name: String, text: String) throws(TraceError) {
        var arrivals: [Arrival] = []
        var number = 0
        var sawFirst = false
        for raw in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            let line = raw.trimmingWhitespace
            if line.isEmpty || line.hasPrefix("#") { continue }
            defer { sawFirst = true }
            if !sawFirst, line.lowercased().filter({ $0 != " " }) == "at,seconds" { continue }
            do throws(LineProblem) {
                arrivals.append(try line.hasPrefix("{") ? Arrival(json: line) : Arrival(commaSeparated: line))
            } catch {
                throw TraceError(name: name, line: number, problem: error.sentence)
            }
        }
        if arrivals.isEmpty { throw TraceError(name: name, line: nil, problem: "There are no jobs in it.") }
        self.init(name: name, arrivals: arrivals)
    }
}

/// Why a line is not an arrival, as a sentence.
private struct LineProblem: Error {
    var sentence: String
}

extension Trace.Arrival {
    fileprivate init(commaSeparated line: Substring) throws(LineProblem) {
        let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(\.trimmingWhitespace)
        guard fields.count == 2 else {
            let what = fields.count == 1 ? "is one field" : "are \(fields.count) fields"
            throw LineProblem(
                sentence:
                    "There \(what) in \"\(line.prefix(60))\"; write the arrival in seconds from the start, a comma "
                    + "and the seconds of audio, as in 12.5,210.")
        }
        try self.init(at: Self.number(fields[0], "arrival"), audio: Self.number(fields[1], "length"))
        try check()
    }

    fileprivate init(json line: Substring) throws(LineProblem) {
        struct Record: Decodable {
            var at: Double
            var seconds: Double
        }
        guard let record = try? JSONDecoder().decode(Record.self, from: Data(line.utf8)) else {
            throw LineProblem(
                sentence: "\"\(line.prefix(60))\" is not a record such as {\"at\": 12.5, \"seconds\": 210}.")
        }
        self.init(at: record.at, audio: record.seconds)
        try check()
    }

    private static func number(_ field: Substring, _ what: String) throws(LineProblem) -> Double {
        guard let number = Double(field), number.isFinite else {
            throw LineProblem(sentence: "The \(what) \"\(field.prefix(40))\" is not a number of seconds.")
        }
        return number
    }

    private func check() throws(LineProblem) {
        guard at >= 0, at <= Trace.longestSpan else {
            throw LineProblem(sentence: "The arrival \(at) is not between 0 and \(Int(Trace.longestSpan)) seconds.")
        }
        guard audio > 0, audio <= 86_400 else {
            throw LineProblem(sentence: "The length \(audio) is not above 0 and at most 86400 seconds.")
        }
    }
}

extension StringProtocol {
    fileprivate var trimmingWhitespace: SubSequence {
        let tail = drop(while: \.isWhitespace)
        guard let last = tail.lastIndex(where: { !$0.isWhitespace }) else {
            return tail[tail.startIndex..<tail.startIndex]
        }
        return tail[...last]
    }
}

/// A trace that cannot be read, as a sentence with the line it stumbled on.
public struct TraceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The trace's name.
    public var name: String
    /// Counted from 1; nil when the trace as a whole is at fault.
    public var line: Int?
    /// What is wrong, and what was expected.
    public var problem: String

    /// Name, line and problem.
    public var description: String { name + (line.map { ", line \($0)" } ?? "") + ": " + problem }
}
