import Foundation

/// The functions that this program knows, by the names in their `function.yaml`.
public struct FunctionCatalogue: Sendable {
    private let entries: [(name: String, type: any Function.Type)]

    /// A catalogue of `types`.
    ///
    /// - Throws: ``ConfigurationError`` when a manifest is wrong or two functions have the same name.
    public init(_ types: [any Function.Type]) throws {
        entries = try types.map { (try FunctionManifest(yaml: $0.manifest).name, $0) }
        for (index, entry) in entries.enumerated() where entries[..<index].contains(where: { $0.name == entry.name }) {
            throw ConfigurationError("Two functions are called “\(entry.name)”.")
        }
    }

    /// The names of all functions.
    public var names: [String] { entries.map(\.name) }

    /// Makes the functions that `target` asks for.
    ///
    /// - Parameter target: names separated by commas, as in `FUNCTION_TARGET`; nil or empty for all.
    /// - Throws: ``ConfigurationError`` that lists the known names when one is unknown.
    public func functions(target: String?, environment: FunctionEnvironment) throws -> [any Function] {
        let wanted = (target ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
        for name in wanted where !names.contains(name) {
            throw ConfigurationError(
                "FUNCTION_TARGET names “\(name)”, which is no function; known are \(names.joined(separator: ", ")).")
        }
        return try entries.filter { wanted.isEmpty || wanted.contains($0.name) }
            .map { try $0.type.init(environment: environment) }
    }
}
