/// Writes Prometheus' text format 0.0.4.
struct PrometheusText {
    private(set) var text = ""

    /// The name as Prometheus wants it: only letters, digits, `_` and `:`, and the unit or `_total` at its end.
    static func name(_ label: String, kind: Series.Kind) -> String {
        var name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == ":" ? $0 : "_" })
        if name.first?.isNumber ?? true { name = "_" + name }
        switch kind {
        case .counter where !name.hasSuffix("_total"): return name + "_total"
        case .timer where !name.hasSuffix("_seconds"): return name + "_seconds"
        default: return name
        }
    }

    mutating func header(_ name: String, kind: Series.Kind, help: String?) {
        if let help {
            text += "# HELP \(name) \(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n"
        }
        text += "# TYPE \(name) \(kind.isHistogram ? "histogram" : kind == .counter ? "counter" : "gauge")\n"
    }

    mutating func series(_ name: String, labels: [Label], _ series: Series) {
        let snapshot = series.snapshot
        guard series.kind.isHistogram else { return value(name, labels: labels, snapshot.value) }
        var sum = 0
        for (bound, count) in zip(Series.bounds, snapshot.buckets) {
            sum += count
            value(name + "_bucket", labels: labels + [Label(name: "le", value: Self.number(bound))], Double(sum))
        }
        value(name + "_bucket", labels: labels + [Label(name: "le", value: "+Inf")], Double(snapshot.count))
        value(name + "_sum", labels: labels, snapshot.value)
        value(name + "_count", labels: labels, Double(snapshot.count))
    }

    mutating func value(_ name: String, labels: [Label], _ value: Double) {
        text += name
        if !labels.isEmpty {
            text +=
                "{" + labels.map { "\(Self.labelName($0.name))=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
            text += "}"
        }
        text += " \(Self.number(value))\n"
    }

    private static func labelName(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
