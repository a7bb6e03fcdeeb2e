import Policy

/// Notices that somebody else sets the number of replicas: a person with `kubectl scale`, a HorizontalPodAutoscaler.
///
/// Two hands on one number make it swing every second. So a number that is not ours is left alone for half a minute, for
/// twice as long when it happens again, and so on up to ten minutes; it is told once. A person gets what was asked for, for
/// a while; a second autoscaler wins the argument, and the operator reads of it.
package struct ForeignChanges: Sendable, Equatable {
    /// How long the first change is left alone.
    package static let firstRest = Duration.seconds(30)
    /// How long any change is left alone at most; after as long without one, counting begins anew.
    package static let longestRest = Duration.seconds(600)

    /// The numbers that may be found by our own doing; `nil` before the first look.
    private var expected: Set<Int>?
    private var identity: String?
    private var count = 0
    private var last: Moment?
    private var restEnd: Moment?

    package init() {}

    /// Takes in the number that was found.
    ///
    /// - Parameter identity: tells the object from an earlier one of its name, whose number says nothing about this one's.
    package mutating func observe(_ replicas: Int, identity: String?, at now: Moment) {
        defer { (expected, self.identity) = ([replicas], identity) }
        guard let expected, identity == self.identity, !expected.contains(replicas) else { return }
        if let last, last.duration(to: now) > Self.longestRest { count = 0 }
        (count, last) = (count + 1, now)
        restEnd = now.advanced(by: min(Self.firstRest * (1 << min(count - 1, 10)), Self.longestRest))
    }

    /// The number is about to be set by us; the call may fail and yet be heard.
    package mutating func setting(_ replicas: Int) { expected?.insert(replicas) }

    /// How much longer the number is to be left alone; `nil` when it is ours to set.
    package func rest(at now: Moment) -> Duration? {
        guard let left = restEnd.map({ now.duration(to: $0) }), left > .zero else { return nil }
        return left
    }
}
