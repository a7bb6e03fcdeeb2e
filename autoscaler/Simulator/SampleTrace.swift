import Pacing

/// The traces that come with the simulator, each made by a short recipe instead of shipped as a file.
public enum SampleTrace: String, CaseIterable, Sendable {
    /// Two hours, a song about every 12 seconds.
    case steady
    /// Four hours of little, with a whole album or an archive thrown in now and then.
    case bursty
    /// A day with 100,000 jobs, quiet at four in the morning and busiest at eight in the evening.
    case day
    /// A day of many owners, most of whom come rarely, and a few of whom bring nearly everything: ``azure(_:)`` says after what.
    case azure

    /// The most workers that suit the trace; users of a smaller cluster set fewer.
    public var maxReplicas: Int {
        switch self {
        case .steady: 20
        case .bursty: 20
        case .day: 200
        case .azure: 60
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
            case .azure: Self.azure(&generator)
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

    /// A day after the published statistics of Azure Functions in July 2019: rates of owners are spread over orders of magnitude (45 % of the
    /// applications are called once an hour or less on the mean, 81 % once a minute or less, and the 18.6 % most called bring 99.6 % of all
    /// calls, all of which the weights below reproduce), and half of all calls are a base that does not change, while the other half follows the
    /// day. Some owners come regularly, as timers do, most by chance, and many in bursts.
    ///
    /// Ours, not the paper's: the number of owners and of songs (rates are divided so that a fleet of some dozens is enough, since a song is
    /// a longer piece of work than a call), how many owners are of which kind, the sizes of bursts, and the shape of the day.
    ///
    /// Source: M. Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 3.3 with figures 4 to 6.
    private static func azure(_ generator: inout SeededGenerator) -> [Trace.Arrival] {
        let (owners, day, wanted) = (400, 86_400.0, 25_000.0)
        // Calls a minute on the mean: from one in a week over one an hour at 45 % and one a minute at 81 % to hundreds.
        let weights = (0..<owners).map { rank -> Double in
            let place = Double(rank) / Double(owners - 1)
            return power(10, place < 0.81 ? -4 + place / 0.81 * 4 : (place - 0.81) / 0.19 * 2.9)
        }
        let total = weights.reduce(0, +)
        var arrivals: [Trace.Arrival] = []
        for weight in weights {
            let count = weight / total * wanted
            var kind = generator.fraction()
            var left = Int(count) + (generator.fraction() < count - count.rounded(.down) ? 1 : 0)
            // Whoever comes a few times a day has neither a clock nor bursts.
            if left < 12 { kind = 0.5 }
            let burst = 2 + Int(generator.fraction() * 30)
            let (period, phase) = (day / Double(max(1, left)), generator.fraction())
            while left > 0 {
                // A clock; else by chance, half of it after the time of the day.
                let time =
                    kind < 0.2
                    ? (Double(left - 1) + phase) * period
                    : generator.fraction() < 0.5 ? generator.fraction() * day : busyTime(&generator)
                let size = kind >= 0.6 ? min(left, burst) : 1
                for _ in 0..<size {
                    arrivals.append(
                        song(at: min(time + (size > 1 ? generator.fraction() * 60 : 0), day - 1), &generator))
                }
                left -= size
            }
        }
        return arrivals
    }

    /// A time of the day, few of them at night: the middle of the day's wave counts three times the ends.
    private static func busyTime(_ generator: inout SeededGenerator) -> Double {
        while true {
            let time = generator.fraction()
            let wave = 1 - abs(time - 0.6) * 1.5
            if generator.fraction() < max(0.05, wave) { return time * 86_400 }
        }
    }

    /// Ten to a power, by products alone so that every machine agrees.
    private static func power(_ base: Double, _ exponent: Double) -> Double {
        // base^(n/64) by repeated square roots, which are exact to the last bit everywhere.
        var (result, root, rest) = (1.0, base, abs(exponent))
        while rest >= 1 {
            result *= base
            rest -= 1
        }
        for _ in 0..<20 {
            root = root.squareRoot()
            rest *= 2
            if rest >= 1 {
                result *= root
                rest -= 1
            }
        }
        return exponent < 0 ? 1 / result : result
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
