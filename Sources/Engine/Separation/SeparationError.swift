import Untrusted

/// Why a separation cannot begin; the description is a sentence for the person who asked for it.
public enum SeparationError: Error, Equatable, CustomStringConvertible {
    /// An option is out of its range; the sentence names it, its value and the range.
    case invalidOption(String)
    /// `--two-stems` names a source that the model does not have.
    case unknownStem(String, sources: [String])
    /// A segment longer than the models were trained for.
    case segmentTooLong(Double, longest: Double)
    /// Models and weights that do not fit together.
    case invalidBag(String)
    /// The memory limit is too small; the sentence says what is needed.
    case tooLittleMemory(String)

    /// A full sentence.
    public var description: String {
        switch self {
        case .invalidOption(let sentence), .invalidBag(let sentence), .tooLittleMemory(let sentence): sentence
        case .unknownStem(let stem, let sources):
            "The stem \"\(stem)\" is not in the selected model; it is one of \(sources.joined(separator: ", "))."
        case .segmentTooLong(let segment, let longest):
            "A segment of \(seconds(segment)) is longer than this model was trained for; the longest is \(seconds(longest))."
        }
    }

    private func seconds(_ value: Double) -> String {
        value == value.rounded() ? "\(Int(clamping: value)) s" : "\(value) s"
    }
}
