/// An option that was refused; its description is a sentence that names the option, the value and what is allowed.
public struct InvalidOption: Error, Equatable, Sendable, CustomStringConvertible {
    /// The option's name as it was given.
    public let name: String
    /// The value as it was given.
    public let value: String
    /// What is allowed.
    public let rule: String

    /// An option refused because of `rule`.
    public init(name: String, value: String, rule: String) {
        self.name = name
        self.value = value
        self.rule = rule
    }

    /// A sentence for the one who gave the option.
    public var description: String {
        "Option “\(Self.shortened(name))” cannot be “\(Self.shortened(value))”: \(rule)."
    }

    /// At most 64 characters and no control characters, since the text comes from outside.
    private static func shortened(_ text: String) -> String {
        let visible = text.unicodeScalars.prefix(64).map {
            $0.properties.generalCategory == .control ? "�" : Character($0)
        }
        return String(visible) + (text.unicodeScalars.count > 64 ? "…" : "")
    }
}
