/// How often something may happen: so many times in a period, at once or spread over it.
public struct Rate: Sendable, Equatable, CustomStringConvertible {
    /// How often.
    public let count: Int
    /// In which time.
    public let period: Duration
    /// `20/s`, `600/m` or `1000/h`.
    public let description: String

    static let form = "a rate such as 20/s, 600/m or 1000/h"

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
