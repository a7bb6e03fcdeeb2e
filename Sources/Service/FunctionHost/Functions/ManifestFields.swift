import EnvironmentSettings
import Yams

/// The fields of one YAML mapping, read one by one; each failure names the field and its value.
struct ManifestFields {
    private let mapping: Node.Mapping
    private let place: String

    init(_ node: Node?, at place: String) throws {
        guard let mapping = node?.mapping else { throw ConfigurationError("\(place) is not a mapping of fields.") }
        self.mapping = mapping
        self.place = place
    }

    mutating func string(_ name: String) throws -> String {
        guard let value = try optionalString(name) else { throw ConfigurationError("\(place): \(name) is missing.") }
        return value
    }

    mutating func optionalString(_ name: String) throws -> String? {
        guard let node = mapping[name] else { return nil }
        guard let value = node.scalar?.string, !value.isEmpty else {
            throw ConfigurationError("\(place): \(name) is empty or not a single value.")
        }
        return value
    }

    mutating func list(_ name: String) throws -> [Node] {
        guard let node = mapping[name] else { throw ConfigurationError("\(place): \(name) is missing.") }
        guard let sequence = node.sequence else { throw ConfigurationError("\(place): \(name) is not a list.") }
        return Array(sequence)
    }

    mutating func optionalMapping(_ name: String) throws -> Node? { mapping[name] }

    /// The value of a field; nil when there is none.
    mutating func optional<Value>(_ name: String, _ form: Form<Value>) throws -> Value? {
        try optionalString(name).map { text in
            guard let value = form.read(text) else {
                throw ConfigurationError("\(place): \(name)", is: text, write: form.words)
            }
            return value
        }
    }

    func refuseOthers(known: Set<String>) throws {
        for (key, _) in mapping where !known.contains(key.string ?? "") {
            throw ConfigurationError(
                "\(place): the field “\(key.string ?? "?")” is unknown; known are \(known.sorted().joined(separator: ", "))."
            )
        }
    }
}
