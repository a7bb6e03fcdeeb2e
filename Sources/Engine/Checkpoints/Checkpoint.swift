import Foundation
import Untrusted

/// A trained HTDemucs model as a file holds it: the arguments of its constructor and its weights.
///
/// Two kinds of file are read, told apart by their content: `.th` files of the reference (a zip with a pickle, written
/// by `torch.save`; source: `demucs/states.py`) and `.safetensors` files with the class and its arguments as JSON in
/// the metadata (source: `demucs/hf.py`). The file is mapped, not read; nothing in it is ever executed; whatever it
/// holds, opening it ends with a value or a ``CheckpointError``.
public struct Checkpoint: Sendable {
    /// The one class of model that is supported.
    public static let supportedClass = "demucs.htdemucs.HTDemucs"

    /// More sources than any model separates.
    private static let mostSources = 64

    /// Names of the sources the model separates, in the order of its output. They become names of files, so they are plain.
    public var sources: [String]
    /// Keyword arguments of the model's constructor by the reference's names, without `sources`. Those that are not
    /// there have the reference's defaults.
    public var arguments: [String: CheckpointValue]
    /// The weights.
    public var tensors: TensorStore

    /// Opens a checkpoint.
    ///
    /// - Throws: ``CheckpointError`` when the file cannot be read, is damaged, is no checkpoint or is not supported
    public init(contentsOf url: URL) throws {
        do {
            try self.init(FileBytes(mapping: url), file: url.lastPathComponent)
        } catch let problem as CheckpointProblem {
            throw CheckpointError(file: url.lastPathComponent, problem: problem)
        }
    }

    /// Opens a checkpoint in memory.
    package init(bytes: some Collection<UInt8>, file: String) throws {
        do {
            try self.init(FileBytes(copying: bytes), file: file)
        } catch let problem as CheckpointProblem {
            throw CheckpointError(file: file, problem: problem)
        }
    }

    private init(_ bytes: FileBytes, file: String) throws {
        let package =
            switch Format(of: bytes) {
            case .torch: try CheckpointPackage(torch: bytes)
            case .safetensors: try CheckpointPackage(safetensors: bytes)
            case .legacyTorch:
                throw CheckpointProblem.unsupported(
                    "it is in the format of torch before 1.6; load it with torch and save it again")
            case nil: throw CheckpointProblem.malformed("it is neither a .th nor a .safetensors file")
            }
        guard package.modelClass == Self.supportedClass else {
            throw CheckpointProblem.modelClass(package.modelClass)
        }
        guard package.positional.count <= 1 else {
            throw CheckpointProblem.unsupported("it has more positional arguments than the sources")
        }
        var arguments = package.keywords
        let sources = package.positional.first ?? arguments.removeValue(forKey: "sources")
        guard let names = sources?.list?.compactMap(\.string), names.count == sources?.list?.count,
            !names.isEmpty, Set(names).count == names.count, arguments["sources"] == nil
        else { throw CheckpointProblem.malformed("its list of sources is missing or wrong") }
        guard names.count <= Self.mostSources, names.allSatisfy({ PlainName.isValid($0, upTo: 64) }) else {
            throw CheckpointProblem.malformed(
                "one of its sources has a name that cannot be a file's; letters, digits, “.”, “_” and “-” can")
        }
        self.arguments = arguments
        self.sources = names
        tensors = TensorStore(file: file, bytes: bytes, records: package.tensors)
    }
}

extension Checkpoint {
    private enum Format {
        case torch, safetensors, legacyTorch

        /// Tells the format from the first bytes.
        init?(of bytes: FileBytes) {
            let start = bytes.buffer.prefix(9)
            if start.starts(with: [0x50, 0x4b, 0x03, 0x04]) {
                self = .torch
            } else if start.count == 9, start[8] == UInt8(ascii: "{") {
                self = .safetensors
            } else if start.starts(with: [0x80, 0x02]) {
                self = .legacyTorch
            } else {
                return nil
            }
        }
    }
}

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
