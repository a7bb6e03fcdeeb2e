/// A point in time on the caller's clock, as the time since an origin of the caller's choosing.
///
/// The policy never reads a clock. The clock behind these moments must not go back.
public struct Moment: InstantProtocol, Sendable {
    /// The time since the origin.
    public var offset: Duration

    /// The moment that lies `offset` after the origin.
    public init(_ offset: Duration) { self.offset = offset }

    /// The moment `duration` later.
    public func advanced(by duration: Duration) -> Moment { Moment(offset + duration) }

    /// How long it is from here to `other`; negative when `other` is earlier.
    public func duration(to other: Moment) -> Duration { other.offset - offset }

    /// Earlier comes first.
    public static func < (left: Moment, right: Moment) -> Bool { left.offset < right.offset }
}
