/// What was read from another system, or why it could not be read. Missing data is never mistaken for zero.
public enum Reading<Value: Sendable & Equatable>: Sendable, Equatable {
    /// It was read.
    case known(Value)
    /// It could not be read; the text says why, in words for the operator.
    case unknown(String)

    /// The value, or nil when it could not be read.
    public var value: Value? {
        if case .known(let value) = self { value } else { nil }
    }
}
