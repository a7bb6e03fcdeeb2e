import Pacing

/// The traces that come with the simulator, each made by a short recipe instead of shipped as a file.
public enum SampleTrace: String, CaseIterable, Sendable {
    /// Two hours, a song about every 12 seconds.
    case steady
    /// Four hours of little, with a whole album or an archive thrown in now and then.
    case bursty
    /// A day with 100,000 jobs, quiet at four in the morning and busiest at eight in the evening.
    case day

    /// The most workers that suit the trace; users of a smaller cluster set fewer.
    public var maxReplicas: Int {
        switch self {
        case .steady: 20
        case .bursty: 20
        case .day: 200
        }
    }

    /// The trace; the same every time.
    public func make() -> Trace {
        var generator = SeededGenerator(seed: 2024)
        let arrivals =
            switch self {
            case .steady: Self.steady(&generator)
            case .bursty: Self.bursty(&generator)
            case .day: Self.day(&generator)
            }
        return Trace(name: rawValue, arrivals: arrivals)
    }

    private static func steady(_ generator: inout SeededGenerator) -> [Trace.Arrival] {
        (0..<600).map { song(at: Double($0) * 12 + generator.fraction() * 6, &generator) }
    }

    private static func bursty(_ generator: inout SeededGenerator) -> [Trace.Arrival] {
        var arrivals: [Trace.Arrival] = []
        // Now and then a single song.
        var time = 0.0
        while time < 4 * 3600 {
            time += 30 + generator.fraction() * 240
            arrivals.append(song(at: time, &generator))
        }
        // Every 12 to 24 minutes a burst of 10 to 90 songs within half a minute.
        time = 300
        while time < 4 * 3600 {
            let size = 10 + Int(generator.fraction() * 81)
            for _ in 0..<size { arrivals.append(song(at: time + generator.fraction() * 30, &generator)) }
            time += 720 + generator.fraction() * 720
        }
        return arrivals
    }

    private static func day(_ generator: inout SeededGenerator) -> [Trace.Arrival] {
        // Jobs an hour relative to each other, from midnight on.
        let hours: [Double] = [
            34, 24, 16, 11, 9, 10, 14, 22, 32, 40, 46, 50, 54, 56, 58, 62, 68, 78, 90, 98, 100, 92, 74, 52,
        ]
        let total = hours.reduce(0, +)
        return (0..<100_000).map { _ in
            var left = generator.fraction() * total
            var hour = 0
            while hour < 23, left >= hours[hour] {
                left -= hours[hour]
                hour += 1
            }
            return song(at: (Double(hour) + min(left / hours[hour], 0.9999)) * 3600, &generator)
        }
    }

    /// Most songs take three to four minutes; one in fifty is a long mix. Rounded, so that text keeps it whole.
    private static func song(at time: Double, _ generator: inout SeededGenerator) -> Trace.Arrival {
        let isMix = generator.fraction() < 0.02
        let audio = isMix ? 900 + generator.fraction() * 2700 : generator.normal(mean: 215, deviation: 45)
        return Trace.Arrival(at: (time * 10).rounded() / 10, audio: max(30, audio.rounded()))
    }
}

extension SeededGenerator {
    /// A number from 0 up to, not including, 1.
    mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A roughly normal number: the sum of twelve even ones, made from sums alone so that every machine agrees.
    mutating func normal(mean: Double, deviation: Double) -> Double {
        mean + deviation * ((0..<12).reduce(0.0) { sum, _ in sum + fraction() } - 6)
    }
}
