// Every setting of every program is declared once, as a line in the `settings` of the type that it configures: the variable's
// name, the field that it sets, and how its value is written. From that line follow the reading, the sentence of the error,
// and the row in README's table, which a test compares in both directions. Defaults are the values that the type has
// without an environment.

/// A type whose fields are set by environment variables.
public protocol Configurable: Sendable {
    /// What holds where the environment says nothing.
    static var usual: Self { get }
    /// The variables, each with its field.
    static var settings: [Setting<Self>] { get }
}

/// An environment variable: its name, what it sets, and how its value is written.
public struct Setting<Configuration: Sendable>: Sendable {
    /// The variable's name.
    public let name: String
    /// What may be written, in words: `a whole number from 0 to 65535`.
    public let values: String
    /// Whether nobody may see the value, not even in an error.
    public let isSecret: Bool

    private let need: String?
    private let set: @Sendable (inout Configuration, String) -> Bool
    private let show: @Sendable (Configuration) -> String

    /// A variable that sets `field`.
    ///
    /// - Parameters:
    ///   - need: where the variable must be set: what for, without a full stop.
    ///   - words: what to tell instead of the default's value, such as `host name and process id`.
    public init<Value: Sendable>(
        _ name: String, _ field: WritableKeyPath<Configuration, Value> & Sendable, _ form: Form<Value>,
        need: String? = nil, otherwise words: String? = nil, isSecret: Bool = false
    ) {
        self.init(
            name, values: form.words, isSecret: isSecret, need: need,
            set: { configuration, text in
                guard let value = form.read(text) else { return false }
                configuration[keyPath: field] = value
                return true
            }, show: { words ?? form.show($0[keyPath: field]) })
    }

    /// A variable that sets `field`, which is nil without it.
    ///
    /// - Parameter words: what holds without it, such as `the system's`.
    public init<Value: Sendable>(
        _ name: String, _ field: WritableKeyPath<Configuration, Value?> & Sendable, _ form: Form<Value>,
        otherwise words: String, isSecret: Bool = false
    ) {
        self.init(
            name, field, Form<Value?>(form.words, show: { _ in words }) { form.read($0).map { .some($0) } },
            isSecret: isSecret)
    }

    private init(
        _ name: String, values: String, isSecret: Bool, need: String?,
        set: @escaping @Sendable (inout Configuration, String) -> Bool,
        show: @escaping @Sendable (Configuration) -> String
    ) {
        (self.name, self.values, self.isSecret, self.need, self.set, self.show) =
            (name, values, isSecret, need, set, show)
    }

    /// The same variable for a configuration that has this one as a part.
    public func within<Whole: Sendable>(_ part: WritableKeyPath<Whole, Configuration> & Sendable) -> Setting<Whole> {
        Setting<Whole>(
            name, values: values, isSecret: isSecret, need: need,
            set: { [set] in set(&$0[keyPath: part], $1) }, show: { [show] in show($0[keyPath: part]) })
    }

    /// Sets the field from the variable's value.
    ///
    /// - Parameter origin: where the value comes from, where the name does not say it.
    /// - Throws: an error that names the variable, its value and what to write; for a secret, not its value.
    public func read(
        _ text: String?, into configuration: inout Configuration, from origin: String? = nil
    ) throws(ConfigurationError) {
        // Shells and Kubernetes set variables to nothing to mean that they are not set.
        guard let text, !text.isEmpty else {
            if let need { throw ConfigurationError(missing: name, need) }
            return
        }
        guard set(&configuration, text) else {
            throw ConfigurationError(name, is: isSecret ? nil : text, write: values, from: origin)
        }
    }

    /// The variable for readers of the manual.
    public func row(_ usual: Configuration) -> SettingRow {
        SettingRow(name: name, values: values, usual: need == nil ? show(usual) : "", isSecret: isSecret)
    }
}

/// A variable as README lists it.
public struct SettingRow: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// What may be written.
    public let values: String
    /// What holds without it; empty for nothing, or where it must be set.
    public let usual: String
    /// Whether nobody may see the value.
    public let isSecret: Bool

    /// A row.
    public init(name: String, values: String, usual: String, isSecret: Bool) {
        (self.name, self.values, self.usual, self.isSecret) = (name, values, usual, isSecret)
    }
}

extension Configurable {
    /// Sets what the environment says; a variable that is empty is not set.
    ///
    /// - Throws: an error for the first variable that cannot be used.
    public mutating func read(_ environment: [String: String]) throws(ConfigurationError) {
        for setting in Self.settings { try setting.read(environment[setting.name], into: &self) }
    }

    /// The usual configuration with what the environment says.
    ///
    /// - Throws: an error for the first variable that cannot be used.
    public static func reading(_ environment: [String: String]) throws(ConfigurationError) -> Self {
        var configuration = usual
        try configuration.read(environment)
        return configuration
    }

    /// The variables for readers of the manual.
    public static var rows: [SettingRow] { settings.map { $0.row(usual) } }
}
