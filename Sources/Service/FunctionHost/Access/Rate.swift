import Synchronization
import EnvironmentSettings

/// How often something may happen: so many times in a period, at once or spread over it.
public struct Rate: Sendable, Equatable, CustomStringConvertible {
    /// How often.
    public let count: Int
    /// In which time.
    public let period: Duration
    /// `20/s`, `600/m` or `1000/h`.
    public let description: String

    /// Reads `20/s`, `600/m` or `1000/h`; nil for anything else.
    public init?(_ text: String) {
        guard let match = text.wholeMatch(of: /([1-9][0-9]{0,6})\/([smh])/), let count = Int(match.1) else {
            return nil
        }
        self.count = count
        period = match.2 == "s" ? .seconds(1) : match.2 == "m" ? .seconds(60) : .seconds(3600)
        description = text
    }

    /// The time in which one more is earned.
    var interval: Duration { period / count }
}

extension Rate {
    /// The header fields that tell a client how often it may still ask (draft-ietf-httpapi-ratelimit-headers-10).
    func fields(_ left: (count: Int, fullIn: Duration)) -> HTTPFields {
        let seconds = Int((left.fullIn / .seconds(1)).rounded(.up))
        return [
            HTTPField.Name("RateLimit-Policy")!: "\"requests\";q=\(count);w=\(period.components.seconds)",
            HTTPField.Name("RateLimit")!: "\"requests\";r=\(left.count);t=\(seconds)",
        ]
    }
}

extension Form<Rate> {
    /// `20/s`, `600/m` or `1000/h`.
    static var rate: Form { Form("a rate such as 20/s, 600/m or 1000/h", show: \.description) { Rate($0) } }
}

/// Says who may ask now and who must wait: for each client a bucket that holds a rate's count and fills up within its
/// period. The time is an argument.
///
/// A bucket is kept as the moment at which it will be full again ("generic cell rate algorithm"), so that one that is full
/// need not be kept at all.
package struct RateLimiter {
    /// More clients than this are not told apart: the buckets that are nearly full are forgotten first.
    package static let clientLimit = 65_536

    private var fullAt: [String: ContinuousClock.Instant] = [:]

    /// Nobody has asked yet.
    package init() {}

    /// How many clients have a bucket that is not full.
    package var clientCount: Int { fullAt.count }

    /// Takes one from the bucket of `client`.
    ///
    /// - Returns: nil when there was one, else the time after which there will be.
    package mutating func admit(_ client: String, _ rate: Rate, now: ContinuousClock.Instant) -> Duration? {
        let next = max(fullAt[client] ?? now, now) + rate.interval
        let excess = next - now - rate.period
        guard excess <= .zero else { return excess }
        if fullAt.count >= Self.clientLimit, fullAt[client] == nil { makeRoom(now) }
        fullAt[client] = next
        return nil
    }

    /// What is left in the bucket of `client`, and the time after which it is full again.
    package func left(
        of client: String, _ rate: Rate, now: ContinuousClock.Instant
    ) -> (count: Int, fullIn: Duration) {
        let fullIn = max((fullAt[client] ?? now) - now, .zero)
        return (Int((rate.period - fullIn) / rate.interval), fullIn)
    }

    /// Forgets the full buckets, or half of all when that is not enough.
    private mutating func makeRoom(_ now: ContinuousClock.Instant) {
        fullAt = fullAt.filter { $0.value > now }
        guard fullAt.count >= Self.clientLimit else { return }
        let kept = fullAt.sorted { $0.value > $1.value }.prefix(Self.clientLimit / 2)
        fullAt = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) })
    }
}

/// How much each client has open at once.
package final class Places: Sendable {
    private let taken = Mutex<[String: Int]>([:])

    /// Nobody has anything open.
    package init() {}

    /// Of all clients.
    package var all: Int { taken.withLock { $0.values.reduce(0, +) } }

    /// Takes a place for a client, unless it has as many as it may.
    package func take(_ client: String, of limit: Int) -> Bool {
        taken.withLock { taken in
            guard taken[client, default: 0] < limit else { return false }
            taken[client, default: 0] += 1
            return true
        }
    }

    /// Gives it back.
    package func leave(_ client: String) {
        taken.withLock { taken in
            let left = (taken[client] ?? 0) - 1
            taken[client] = left > 0 ? left : nil
        }
    }
}
