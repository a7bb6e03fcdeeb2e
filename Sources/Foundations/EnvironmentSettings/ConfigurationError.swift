import Untrusted

/// Something that a program cannot start with: a setting, or a line of a file that its operator writes. Says which one it is,
/// what it says, and what to write instead.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The setting: a variable, a flag or a field. Nil where it is about more than one.
    public let name: String?
    /// What it says, shortened; nil when it is missing, and for secrets.
    public let value: String?
    /// A full sentence for the operator, or several.
    public let description: String

    /// A sentence about more than one setting, or about none in particular.
    public init(_ description: String) {
        name = nil
        value = nil
        self.description = description
    }

    /// A setting with a value that it cannot have.
    ///
    /// - Parameters:
    ///   - value: what it says; nil keeps a secret.
    ///   - rule: what to write, without a full stop: `a whole number from 1 to 100`.
    ///   - origin: where it comes from, where that is not clear from the name: `the flag --interval`.
    public init(_ name: String, is value: String?, write rule: String, from origin: String? = nil) {
        self.name = name
        self.value = value?.visible()
        description =
            (self.value.map { "\(name) is “\($0)”; write \(rule)." } ?? "\(name) cannot be used; write \(rule).")
            + (origin.map { " It comes from \($0)." } ?? "")
    }

    /// A setting that must be there.
    ///
    /// - Parameter reason: what it is needed for, without a full stop.
    public init(missing name: String, _ reason: String) {
        self.name = name
        value = nil
        description = "\(name) is not set; \(reason)."
    }
}
