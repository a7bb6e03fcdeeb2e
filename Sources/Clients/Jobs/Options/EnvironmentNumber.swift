import ServiceContract

extension [String: String] {
    /// A number among environment variables; `nil` when the variable is missing or empty.
    ///
    /// - Throws: ``InvalidOption`` for anything but a number within `bounds`, named by its variable.
    public func number(_ name: String, within bounds: ClosedRange<Double>) throws(InvalidOption) -> Double? {
        guard let text = self[name], !text.isEmpty else { return nil }
        guard let number = Double(text), bounds.contains(number) else {
            throw InvalidOption(
                name: name, value: text, rule: "it must be a number from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return number
    }

    /// A length of time among environment variables, in seconds and at most a day; `nil` when there is none.
    ///
    /// - Throws: ``InvalidOption`` for anything else, named by its variable.
    public func seconds(_ name: String) throws(InvalidOption) -> Duration? {
        try number(name, within: 0...86_400).map { .milliseconds(Int64($0 * 1000)) }
    }
}
