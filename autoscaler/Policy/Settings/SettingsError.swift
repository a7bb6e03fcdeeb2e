/// A setting that cannot be.
public enum SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no setting of this name.
    case unknown(String)
    /// The text is not a value for this setting.
    case unreadable(Settings.Name, text: String, expected: String)
    /// The value breaks the rule.
    case outOfRange(Settings.Name, value: String, rule: String)

    /// A sentence that names the setting, its value and what it may be.
    public var description: String {
        switch self {
        case .unknown(let name):
            "There is no setting \"\(name)\". The settings are "
                + Settings.Name.allCases.map(\.rawValue).joined(separator: ", ") + "."
        case .unreadable(let name, let text, let expected):
            "\(name.rawValue) is \"\(text)\", but it must be \(expected)."
        case .outOfRange(let name, let value, let rule):
            "\(name.rawValue) is \(value), but it \(rule)."
        }
    }
}
