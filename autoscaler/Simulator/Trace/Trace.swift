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
