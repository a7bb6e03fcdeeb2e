/// What every kind of checkpoint file comes down to before it is checked.
struct CheckpointPackage {
    /// Full name of the model's class.
    var modelClass: String
    /// Positional arguments of its constructor.
    var positional: [CheckpointValue]
    /// Keyword arguments of its constructor.
    var keywords: [String: CheckpointValue]
    var tensors: [String: TensorRecord]
}

extension CheckpointPackage {
    /// Reads a file that the reference's `states.save_with_checksum` wrote: a zip by `torch.save` with one pickle.
    init(torch bytes: FileBytes) throws {
        let archive = try ZipArchive(bytes)
        guard let pickle = archive.names.filter({ $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }).min() else {
            throw CheckpointProblem.malformed("it is a zip file but not one by torch.save")
        }
        let folder = pickle.dropLast("data.pkl".count)
        guard let range = try archive.range(of: pickle) else { throw CheckpointProblem.malformed("it has no pickle") }
        if let order = try archive.range(of: folder + "byteorder"),
            !bytes.buffer[order].elementsEqual("little".utf8)
        {
            throw CheckpointProblem.unsupported("its numbers are big-endian")
        }
        self = try PickleMachine.read(
            bytes, in: range,
            storage: { identifier in
                guard let range = try archive.range(of: "\(folder)data/\(identifier.key)") else {
                    throw CheckpointProblem.malformed("storage \(identifier.key) of a tensor is missing")
                }
                guard identifier.count <= range.count / identifier.element.size else {
                    throw CheckpointProblem.malformed("storage \(identifier.key) of a tensor is too short")
                }
                return TensorStorage(
                    element: identifier.element,
                    range: range.prefix(identifier.count * identifier.element.size))
            }, Self.init(package:))
    }

    /// The dictionary that the reference's `states.serialize_model` makes: klass, args, kwargs, state, training_args.
    private init(package: PickleValue) throws {
        guard case .global(let klass)? = package.value(for: "klass"), let args = package.value(for: "args"),
            let kwargs = package.value(for: "kwargs"), let state = package.value(for: "state")
        else {
            throw CheckpointProblem.malformed("it is not a Demucs model: klass, args, kwargs or state is missing")
        }
        guard case .modelClass(let name) = klass else { throw CheckpointProblem.malformed("its class is no model") }
        guard name == Checkpoint.supportedClass else { throw CheckpointProblem.modelClass(name) }
        if state.value(for: "__quantized") != nil { throw CheckpointProblem.quantised }
        var budget = 10_000
        guard case .list(let positional) = try args.argument(budget: &budget),
            case .dictionary(let keywords) = try kwargs.argument(budget: &budget), let entries = state.entries
        else { throw CheckpointProblem.malformed("its klass, args, kwargs or state has the wrong kind") }
        var tensors: [String: TensorRecord] = [:]
        for (key, value) in entries {
            guard case .tensor(let record) = value else {
                throw CheckpointProblem.malformed("\(key) in its state is no tensor")
            }
            tensors[key] = record
        }
        self.init(modelClass: name, positional: positional, keywords: keywords, tensors: tensors)
    }
}

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
