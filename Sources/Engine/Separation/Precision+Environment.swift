public import Tensors

extension Precision {
    /// What `MSAAS_PRECISION` asks for: `float32`, also when it is not set, or `bf16`.
    ///
    /// - Throws: ``SeparationError/invalidOption(_:)`` when the variable holds anything else
    public static func inForce(environment: [String: String]) throws -> Precision {
        guard let text = environment["MSAAS_PRECISION"], !text.isEmpty else { return .float32 }
        guard let precision = Precision(rawValue: text) else {
            throw SeparationError.invalidOption(
                "MSAAS_PRECISION is “\(text)”; it is one of \(allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return precision
    }
}
