extension PickleValue {
    /// The dictionary's value for a key, the last one if it was set twice; nil when this is no dictionary or has none.
    func value(for key: String) -> PickleValue? {
        guard case .container(let container) = self, container.kind == .dictionary else { return nil }
        let items = container.items
        return stride(from: items.count - 2, through: 0, by: -2).first { index in
            if case .string(key) = items[index] { true } else { false }
        }.map { items[$0 + 1] }
    }

    /// The dictionary's entries; nil when this is no dictionary or a key is no text.
    var entries: [(key: String, value: PickleValue)]? {
        guard case .container(let container) = self, container.kind == .dictionary else { return nil }
        var entries: [(key: String, value: PickleValue)] = []
        for index in stride(from: 0, to: container.items.count, by: 2) {
            guard case .string(let key) = container.items[index] else { return nil }
            entries.append((key, container.items[index + 1]))
        }
        return entries
    }

    /// The value as an argument of a constructor. `budget` counts down with every value, so that a value that holds
    /// itself, or holds another a thousand times over, ends in an error.
    func argument(depth: Int = 0, budget: inout Int) throws -> CheckpointValue {
        budget -= 1
        guard budget >= 0, depth <= 32 else {
            throw CheckpointProblem.malformed("its arguments are nested too deeply or too large")
        }
        switch self {
        case .none: return .none
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .double(let value): return .double(value)
        case .string(let value): return .string(value)
        case .fraction(let numerator, let denominator): return .fraction(numerator, denominator)
        case .container(let container) where container.kind != .dictionary:
            return .list(try container.items.map { try $0.argument(depth: depth + 1, budget: &budget) })
        case .container:
            guard let entries else { throw CheckpointProblem.unsupported("an argument's key is no text") }
            var dictionary: [String: CheckpointValue] = [:]
            for (key, value) in entries { dictionary[key] = try value.argument(depth: depth + 1, budget: &budget) }
            return .dictionary(dictionary)
        case .bytes, .global, .storage, .tensor:
            throw CheckpointProblem.unsupported("an argument of the model is not plain data")
        }
    }
}
