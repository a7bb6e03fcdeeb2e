import FunctionClients
import FunctionHost
import Jobs
import ServiceContract

/// Options as they come in, from the query and from form fields.
struct OptionFields: Sendable {
    private var values: [String: String] = [:]

    /// - Throws: a ``Problem`` when the option is there already with another value.
    mutating func add(_ name: String, _ value: String) throws {
        if let other = values[name], other != value {
            throw Problem(
                InvalidOption(name: name, value: value, rule: "it is also given as “\(other.prefix(64))”; give it once")
            )
        }
        values[name] = value
    }

    /// - Throws: a ``Problem`` that names the wrong option.
    func validated() throws -> JobOptions {
        do {
            return try JobOptions(validating: values)
        } catch {
            throw Problem(error)
        }
    }
}
