/// Writes Prometheus' text format 0.0.4. Names and label values are our own, and need no escaping.
package struct MetricsText {
    package private(set) var text = ""
    private let prefix: String

    package init(prefix: String) { self.prefix = prefix }

    package mutating func gauge(_ name: String, _ help: String, _ value: Double?) {
        guard let value else { return }
        head(name, help, "gauge")
        line(name, nil, value)
    }

    package mutating func gauge(_ name: String, _ help: String, _ value: Int?) {
        gauge(name, help, value.map(Double.init))
    }

    package mutating func gauge(_ name: String, _ help: String, _ label: String, _ values: [String: Int]) {
        family(name, help, "gauge", label, values)
    }

    package mutating func counter(_ name: String, _ help: String, _ value: Int) {
        head(name, help, "counter")
        line(name, nil, Double(value))
    }

    package mutating func counter(_ name: String, _ help: String, _ label: String, _ values: [String: Int]) {
        family(name, help, "counter", label, values)
    }

    private mutating func family(
        _ name: String, _ help: String, _ kind: String, _ label: String, _ values: [String: Int]
    ) {
        head(name, help, kind)
        for (value, count) in values.sorted(by: { $0.key < $1.key }) { line(name, (label, value), Double(count)) }
    }

    private mutating func head(_ name: String, _ help: String, _ kind: String) {
        text += "# HELP \(prefix)\(name) \(help)\n# TYPE \(prefix)\(name) \(kind)\n"
    }

    private mutating func line(_ name: String, _ label: (String, String)?, _ value: Double) {
        let number = value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
        text += prefix + name + (label.map { "{\($0.0)=\"\($0.1)\"}" } ?? "") + " \(number)\n"
    }
}
