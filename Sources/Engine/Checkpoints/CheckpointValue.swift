/// An argument of the model's constructor, as a checkpoint holds it.
public indirect enum CheckpointValue: Sendable, Equatable {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    /// Numerator and denominator (above 0), in lowest terms when written by the reference.
    case fraction(Int, Int)
    /// A list or a tuple.
    case list([CheckpointValue])
    case dictionary([String: CheckpointValue])
}

extension CheckpointValue {
    /// The truth value, if it is one.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The whole number, also when it is written as `4.0` or `8/2`.
    public var integer: Int? {
        switch self {
        case .int(let value): value
        case .double(let value): Int(exactly: value)
        case .fraction(let numerator, let denominator):
            numerator.isMultiple(of: denominator) ? numerator / denominator : nil
        default: nil
        }
    }

    /// The number as floating point; fractions are divided.
    public var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        case .fraction(let numerator, let denominator): Double(numerator) / Double(denominator)
        default: nil
        }
    }

    /// The text, if it is one.
    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The items, if it is a list or a tuple.
    public var list: [CheckpointValue]? {
        if case .list(let items) = self { items } else { nil }
    }
}

extension CheckpointValue: CustomStringConvertible {
    /// The value as Python writes it, near enough for a sentence.
    public var description: String {
        switch self {
        case .none: "None"
        case .bool(let value): value ? "True" : "False"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let value): "'\(value)'"
        case .fraction(let numerator, let denominator): "\(numerator)/\(denominator)"
        case .list(let items): "[" + items.map(\.description).joined(separator: ", ") + "]"
        case .dictionary(let items):
            "{" + items.sorted { $0.key < $1.key }.map { "'\($0)': \($1)" }.joined(separator: ", ") + "}"
        }
    }
}
