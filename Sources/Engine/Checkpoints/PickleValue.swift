/// What the pickle machine's stack holds.
enum PickleValue {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case bytes
    case fraction(Int, Int)
    case global(PickleGlobal)
    case container(PickleContainer)
    case storage(TensorStorage)
    case tensor(TensorRecord)
}

/// A list, tuple or dictionary. A reference, because a pickle fills containers after it has stored them in its memo.
final class PickleContainer {
    enum Kind { case list, tuple, dictionary }

    let kind: Kind
    /// The items; a dictionary's keys and values take turns.
    var items: [PickleValue]

    init(_ kind: Kind, _ items: [PickleValue] = []) {
        self.kind = kind
        self.items = items
    }
}

/// A flat run of numbers in the file that tensors are views of.
struct TensorStorage: Sendable {
    let element: ElementType
    let range: Range<Int>
}

/// The functions and classes that a checkpoint may name. None of them is code: each stands for what it means.
enum PickleGlobal: Equatable {
    case rebuildTensor
    case rebuildParameter
    case size
    case storage(ElementType)
    case orderedDictionary
    case fraction
    /// A class of the reference package; only its name is used.
    case modelClass(String)

    /// - Throws: `CheckpointProblem.forbiddenGlobal` for every name not known here
    init(module: String, name: String) throws {
        let path = "\(module).\(name)"
        switch path {
        case "torch._utils._rebuild_tensor_v2": self = .rebuildTensor
        case "torch._utils._rebuild_parameter": self = .rebuildParameter
        case "torch.Size": self = .size
        case "torch.HalfStorage": self = .storage(.float16)
        case "torch.BFloat16Storage": self = .storage(.bfloat16)
        case "torch.FloatStorage": self = .storage(.float32)
        case "torch.DoubleStorage": self = .storage(.float64)
        case "torch.CharStorage": self = .storage(.int8)
        case "torch.ByteStorage": self = .storage(.uint8)
        case "torch.ShortStorage": self = .storage(.int16)
        case "torch.IntStorage": self = .storage(.int32)
        case "torch.LongStorage": self = .storage(.int64)
        case "torch.BoolStorage": self = .storage(.bool)
        case "collections.OrderedDict": self = .orderedDictionary
        case "fractions.Fraction": self = .fraction
        case _ where module == "diffq" || module.hasPrefix("diffq."): throw CheckpointProblem.quantised
        case _ where module.hasPrefix("demucs.") && name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }):
            self = .modelClass(path)
        default: throw CheckpointProblem.forbiddenGlobal(path)
        }
    }
}

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
