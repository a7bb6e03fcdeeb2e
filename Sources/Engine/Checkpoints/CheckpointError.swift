/// A checkpoint that cannot be used: which file, and why.
public struct CheckpointError: Error, Equatable, CustomStringConvertible {
    /// The file, as given.
    public let file: String
    /// What is wrong with it.
    public let problem: CheckpointProblem

    /// An error about `file`.
    public init(file: String, problem: CheckpointProblem) {
        self.file = file
        self.problem = problem
    }

    /// The file and what is wrong with it, as a sentence.
    public var description: String { "\(file): \(problem)" }
}

/// Why a checkpoint is refused.
public enum CheckpointProblem: Error, Equatable, CustomStringConvertible {
    /// The file cannot be opened or read; the reason is the system's.
    case unreadable(String)
    /// The file breaks the rules of its format: it is truncated, damaged or made to mislead.
    case malformed(String)
    /// The file is sound but uses something that this program does not do.
    case unsupported(String)
    /// The pickle names a function or class that a checkpoint has no need of. Nothing was run.
    case forbiddenGlobal(String)
    /// The weights are packed by DiffQ.
    case quantised
    /// The model is of another class than HTDemucs.
    case modelClass(String)
    /// A tensor that the model needs is not in the file.
    case missingTensor(name: String, shape: [Int])
    /// A tensor has another shape than the model needs.
    case tensorShape(name: String, expected: [Int], found: [Int])
    /// A tensor was asked for a second time.
    case tensorTaken(name: String)
    /// Tensors that the model did not ask for, in order of their names.
    case unusedTensors([String])

    /// What follows the file's name in a sentence.
    public var description: String {
        switch self {
        case .unreadable(let reason): "cannot be read: \(reason)."
        case .malformed(let reason): "is damaged or not a checkpoint: \(reason)."
        case .unsupported(let reason): "is not supported: \(reason)."
        case .forbiddenGlobal(let name):
            "names \(name), which no checkpoint needs; the file was refused and nothing in it was run."
        case .quantised:
            "holds quantised (DiffQ) weights, which are not supported; use the model without quantisation."
        case .modelClass(let name): "is a model of class \(name); only demucs.htdemucs.HTDemucs is supported."
        case .missingTensor(let name, let shape): "has no tensor \(name); the model needs it with shape \(shape)."
        case .tensorShape(let name, let expected, let found):
            "has tensor \(name) with shape \(found) where the model needs \(expected)."
        case .tensorTaken(let name): "was asked for tensor \(name) twice."
        case .unusedTensors(let names):
            "holds \(names.count) \(names.count == 1 ? "tensor" : "tensors") that the model does not use: "
                + names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "") + "."
        }
    }
}
