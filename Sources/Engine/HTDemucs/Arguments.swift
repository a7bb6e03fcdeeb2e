import Checkpoints
import Untrusted

/// The keyword arguments of a checkpoint, read one by one; what is left at the end is unknown.
struct Arguments {
    private let values: [String: CheckpointValue]
    private var unread: Set<String>

    init(_ values: [String: CheckpointValue]) {
        self.values = values
        unread = Set(values.keys)
    }

    mutating func integer(_ name: String, _ standard: Int) throws -> Int {
        guard let value = read(name) else { return standard }
        if let flag = value.bool { return flag ? 1 : 0 }
        guard let integer = value.integer else { throw unsupported(name) }
        return integer
    }

    mutating func natural(_ name: String, _ standard: Int) throws -> Int {
        let value = try integer(name, standard)
        try require(name, (0...1 << 20).contains(value))
        return value
    }

    mutating func positive(_ name: String, _ standard: Int) throws -> Int {
        let value = try natural(name, standard)
        try require(name, value > 0)
        return value
    }

    mutating func optionalInteger(_ name: String) throws -> Int? {
        guard let value = read(name), value != .none else { return nil }
        let integer = try integer(name, 0)
        try require(name, integer >= 0)
        return integer == 0 ? nil : integer
    }

    mutating func number(_ name: String, _ standard: Double) throws -> Double {
        guard let value = read(name) else { return standard }
        if let flag = value.bool { return flag ? 1 : 0 }
        if value == .none { return 0 }
        guard let number = value.number, number.isFinite else { throw unsupported(name) }
        return number
    }

    mutating func flag(_ name: String, _ standard: Bool) throws -> Bool {
        guard let value = read(name) else { return standard }
        if let flag = value.bool { return flag }
        guard let number = value.number else { throw unsupported(name) }
        return number != 0
    }

    mutating func string(_ name: String, _ standard: String) throws -> String {
        guard let value = read(name) else { return standard }
        guard let string = value.string else { throw unsupported(name) }
        return string
    }

    /// A duration in seconds.
    mutating func seconds(_ name: String, _ standard: Int) throws -> Seconds {
        guard let value = read(name) else { return .fraction(standard, 1) }
        switch value {
        case .int(let seconds) where (1...1_000_000).contains(seconds): return .fraction(seconds, 1)
        case .fraction(let numerator, let denominator)
        where numerator > 0 && denominator > 0 && numerator < 1 << 40: return .fraction(numerator, denominator)
        case .double(let seconds) where seconds > 0 && seconds <= 1e6: return .floating(seconds)
        default: throw unsupported(name)
        }
    }

    mutating func isEmptyOrNone(_ name: String) throws -> Bool {
        guard let value = read(name), value != .none else { return true }
        return value.list?.isEmpty ?? false
    }

    /// Accepts whatever value an argument has that changes nothing here.
    mutating func ignore(_ name: String) { unread.remove(name) }

    /// Refuses the argument by name unless the condition holds.
    func require(_ name: String, _ isSupported: Bool) throws {
        if !isSupported { throw unsupported(name) }
    }

    /// The refusal of an argument's value.
    func unsupported(_ name: String) -> ModelError {
        .unsupportedArgument(name: name, value: values[name]?.description ?? "default")
    }

    /// Refuses arguments that were not read.
    func finish() throws {
        if let name = unread.sorted().first { throw ModelError.unknownArgument(name: name) }
    }

    private mutating func read(_ name: String) -> CheckpointValue? {
        unread.remove(name)
        return values[name]
    }
}

/// A duration as a checkpoint holds it. Frames are counted as the reference does, in the same arithmetic.
enum Seconds: Sendable {
    case fraction(Int, Int)
    case floating(Double)

    var value: Double {
        switch self {
        case .fraction(let numerator, let denominator): Double(numerator) / Double(denominator)
        case .floating(let value): value
        }
    }

    /// int(seconds * rate)
    func frames(rate: Int) -> Int {
        switch self {
        case .fraction(let numerator, let denominator): numerator * rate / denominator
        case .floating(let value): Int(clamping: value * Double(rate))
        }
    }
}

/// Why a model cannot be built or cannot run.
public enum ModelError: Error, Equatable, CustomStringConvertible {
    /// The checkpoint's argument has a value that this implementation does not do.
    case unsupportedArgument(name: String, value: String)
    /// The checkpoint has an argument that HTDemucs does not know.
    case unknownArgument(name: String)
    /// The arguments contradict each other.
    case inconsistent(reason: String)
    /// The mix is longer than the segment that the model was trained on.
    case tooLong(frames: Int, limit: Int)
    /// The mix is empty.
    case empty
    /// A buffer is smaller than the result or the mix.
    case bufferSize(needed: Int, found: Int)

    /// What is wrong and what to do about it, as a sentence.
    public var description: String {
        switch self {
        case .unsupportedArgument(let name, let value):
            "The model has \(name) = \(value), which is not supported; use a model with the usual value."
        case .unknownArgument(let name):
            "The model has an argument \(name) that HTDemucs does not know; it was made by another version of demucs."
        case .inconsistent(let reason):
            "The model's arguments contradict each other: \(reason)."
        case .tooLong(let frames, let limit):
            "\(frames) frames are more than the \(limit) that this model takes at once; split the track into segments."
        case .empty:
            "There is nothing to separate: the mix has no frames."
        case .bufferSize(let needed, let found):
            "The buffer holds \(found) values where \(needed) are needed."
        }
    }
}
