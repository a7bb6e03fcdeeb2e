import ProcessUsage

/// Writes Prometheus' text format 0.0.4. What is not known, `nil`, is left out.
public struct PrometheusText: Sendable {
    /// What HTTP calls this format.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// What was written so far.
    public private(set) var text = ""

    /// Nothing yet.
    public init() {}

    // MARK: - What is read when it is asked for

    /// A number that goes up and down.
    public mutating func gauge(_ name: String, _ help: String, _ value: Double?) {
        guard let value else { return }
        header(name, kind: .gauge, help: help)
        self.value(name, labels: [], value)
    }

    /// A whole number that goes up and down.
    public mutating func gauge(_ name: String, _ help: String, _ value: Int?) {
        gauge(name, help, value.map(Double.init))
    }

    /// The same for each value of a label.
    public mutating func gauge(_ name: String, _ help: String, _ label: String, _ values: [String: Int]) {
        family(name, .gauge, help, label, values.mapValues(Double.init))
    }

    /// A count; the name says so itself (`…_total`).
    public mutating func counter(_ name: String, _ help: String, _ value: some BinaryInteger) {
        header(name, kind: .counter, help: help)
        self.value(name, labels: [], Double(value))
    }

    /// Counts for each value of a label.
    public mutating func counter(_ name: String, _ help: String, _ label: String, _ values: [String: Int]) {
        counter(name, help, label, values.mapValues(Double.init))
    }

    /// Sums for each value of a label.
    public mutating func counter(_ name: String, _ help: String, _ label: String, _ values: [String: Double]) {
        family(name, .counter, help, label, values)
    }

    private mutating func family(
        _ name: String, _ kind: Series.Kind, _ help: String, _ label: String, _ values: [String: Double]
    ) {
        header(name, kind: kind, help: help)
        for (text, count) in values.sorted(by: { $0.key < $1.key }) {
            value(name, labels: [Label(name: label, value: text)], count)
        }
    }

    /// This process's own numbers, under the names that all client libraries use.
    mutating func process() {
        gauge(
            "process_start_time_seconds", "When the process started, in Unix time.",
            ProcessUsage.start.timeIntervalSince1970.rounded())
        header("process_cpu_seconds_total", kind: .counter, help: "Processor time of all threads.")
        value("process_cpu_seconds_total", labels: [], ProcessUsage.processorSeconds)
        gauge("process_resident_memory_bytes", "Resident memory.", ProcessUsage.residentBytes)
        gauge("process_open_fds", "Open files and sockets.", ProcessUsage.openFiles)
        gauge("process_max_fds", "How many may be open.", ProcessUsage.fileLimit)
    }

    // MARK: - What was counted

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
