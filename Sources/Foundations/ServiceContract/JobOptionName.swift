import Foundation
import Untrusted

/// The names of ``JobOptions`` and the bounds of their values.
enum JobOptionName: String, CaseIterable {
    case model
    case twoStems = "two_stems"
    case otherMethod = "other_method"
    case format
    case bitrate
    case shifts
    case overlap
    case clipMode = "clip_mode"

    /// The option called `name`; hyphens count as underscores and case does not matter, as in HTTP header fields.
    init?(_ name: String) {
        self.init(rawValue: name.lowercased().replacingOccurrences(of: "-", with: "_"))
    }

    /// Checks `value` and writes it into `options`.
    func read(_ value: String, named name: String, into options: inout JobOptions) throws(InvalidOption) {
        func refused(_ rule: String) -> InvalidOption { InvalidOption(name: name, value: value, rule: rule) }
        switch self {
        case .model:
            guard PlainName.isValid(value, upTo: 64) else {
                throw refused("it must be 1 to 64 letters, digits, “-”, “_” and “.”, and not begin with “.” or “-”")
            }
            options.model = value
        case .twoStems:
            guard PlainName.isValid(value, upTo: 32) else {
                throw refused("it must be the name of one of the model's stems, such as vocals")
            }
            options.twoStems = value
        case .otherMethod:
            guard let method = OtherMethod(rawValue: value) else { throw refused(Self.oneOf(OtherMethod.self)) }
            options.otherMethod = method
        case .format:
            guard let format = StemFormat(rawValue: value) else { throw refused(Self.oneOf(StemFormat.self)) }
            options.format = format
        case .bitrate:
            guard let bitrate = Int(value), JobOptions.legalBitrates.contains(bitrate) else {
                let rates = JobOptions.legalBitrates.map(String.init).joined(separator: ", ")
                throw refused("it must be one of \(rates) (kbit/s)")
            }
            options.bitrate = bitrate
        case .shifts:
            guard let shifts = Int(value), (0...10).contains(shifts) else {
                throw refused("it must be a whole number from 0 to 10")
            }
            options.shifts = shifts
        case .overlap:
            guard let overlap = Double(value), (0...0.9).contains(overlap) else {
                throw refused("it must be a number from 0 to 0.9")
            }
            options.overlap = overlap
        case .clipMode:
            guard let mode = ClipMode(rawValue: value) else { throw refused(Self.oneOf(ClipMode.self)) }
            options.clipMode = mode
        }
    }

    private static func oneOf<Choice: RawRepresentable<String> & CaseIterable>(_ kind: Choice.Type) -> String {
        "it must be one of " + kind.allCases.map(\.rawValue).joined(separator: ", ")
    }
}
