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
