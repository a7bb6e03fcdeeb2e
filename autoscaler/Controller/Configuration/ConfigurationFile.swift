import Yams

/// A value with where it comes from.
struct ConfigurationValue: Sendable, Equatable {
    var text: String
    var origin: String
}

/// A configuration that cannot be.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where the value comes from; `nil` for a default.
    public var origin: String?
    /// What is wrong, and what may be.
    public var sentence: String

    /// The sentence, and where to change it.
    public var description: String { sentence + (origin.map { " It comes from \($0)." } ?? "") }
}

extension ControllerConfiguration {
    /// Reads a file of settings: a YAML mapping of names to plain values.
    static func read(_ text: String, path: String) throws(ConfigurationError) -> [String: ConfigurationValue] {
        func fails(_ sentence: String) -> ConfigurationError { ConfigurationError(sentence: sentence) }
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch {
            throw fails("The file \(path) is no YAML: \(error).")
        }
        guard let node, node.scalar?.string != "" else { return [:] }
        guard let mapping = node.mapping else {
            throw fails("The file \(path) must be a mapping of settings to values, such as \"max-replicas: 20\".")
        }
        var values: [String: ConfigurationValue] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string else { throw fails("The file \(path) has a setting without a name.") }
            guard let text = value.scalar?.string else {
                throw fails("\(name) in \(path) must have a plain value, not a list or a mapping.")
            }
            guard names.contains(name) else {
                throw fails(
                    "There is no setting \"\(name)\", as \(path) has it. The settings are \(names.joined(separator: ", "))."
                )
            }
            values[name] = ConfigurationValue(text: text, origin: "the file \(path), line \(key.mark?.line ?? 1)")
        }
        return values
    }
}
