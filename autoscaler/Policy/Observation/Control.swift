/// What the operator has asked for.
public enum Control: Sendable, Equatable {
    /// The policy decides.
    case automatic
    /// Nothing is changed until the pause ends.
    case paused
    /// This many workers, whatever the demand; still within the bounds and the memory, and still without a kill.
    case override(Int)
}
