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
