import Policy

/// What the Horizontal Pod Autoscaler does with a recommendation, with its default behaviour: within a tenth nothing
/// changes; up by four pods or 100 % in 15 s; down to the highest recommendation of five minutes.
struct HorizontalRules: Sendable {
    /// Seconds between two looks.
    static let period = 15.0
    private static let tolerance = 0.1
    private static let window: Duration = .seconds(300)
    private var recommendations: [(at: Moment, value: Int)] = []

    /// The replicas to set, when `current` pods carry `ratio` times the load they should.
    mutating func replicas(_ current: Int, ratio: Double, bounds: ClosedRange<Int>, now: Moment) -> Int {
        let raw = abs(ratio - 1) <= Self.tolerance ? Double(current) : (Double(current) * ratio).rounded(.up)
        let wanted = min(max(Int(min(raw, 1e6)), bounds.lowerBound), bounds.upperBound)
        recommendations.removeAll { $0.at.duration(to: now) > Self.window }
        recommendations.append((now, wanted))
        if wanted >= current { return min(wanted, current + max(4, current)) }
        return min(current, recommendations.map(\.value).max() ?? wanted)
    }

    mutating func forget() { recommendations = [] }
}
