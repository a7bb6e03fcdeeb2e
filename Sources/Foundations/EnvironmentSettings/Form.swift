public import Foundation

/// How a value is written: in words, and the way from text to value and back.
public struct Form<Value: Sendable>: Sendable {
    /// What to write, so that it stands well behind “write”: `a whole number from 0 to 65535`.
    public let words: String
    /// The value of a text that is not empty; nil when it is none.
    public let read: @Sendable (String) -> Value?
    /// A value as it would be written.
    public let show: @Sendable (Value) -> String

    /// A form of its own.
    public init(
        _ words: String, show: @escaping @Sendable (Value) -> String = { "\($0)" },
        read: @escaping @Sendable (String) -> Value?
    ) {
        self.words = words
        self.read = read
        self.show = show
    }

    /// The same, but only for values that keep `rule`.
    public func keeping(_ words: String, _ rule: @escaping @Sendable (Value) -> Bool) -> Form {
        Form(words, show: show) { text in read(text).flatMap { rule($0) ? $0 : nil } }
    }
}

extension Form<String> {
    /// Any text; `words` says what it is: `an address`.
    public static func text(_ words: String) -> Form { Form(words) { $0 } }
}

extension Form<URL> {
    /// A path of the file system.
    public static func path(_ words: String) -> Form { Form(words, show: \.path) { URL(filePath: $0) } }
}

extension Form<[String]> {
    /// Texts between commas, one or more, with white space around them.
    public static func list(_ words: String, where rule: @escaping @Sendable (String) -> Bool = { _ in true }) -> Form {
        Form("\(words), separated by commas", show: { $0.joined(separator: ",") }) { text in
            let parts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            return !parts.isEmpty && parts.allSatisfy { !$0.isEmpty && rule($0) } ? parts : nil
        }
    }
}

extension Form<Bool> {
    /// `1` for yes, `0` for no.
    public static var flag: Form { Form("1 or 0", show: { $0 ? "1" : "0" }) { ["0": false, "1": true][$0] } }

    /// `true` or `false`, as in YAML.
    public static var truth: Form { Form("true or false") { Bool($0) } }
}

extension Form where Value: RawRepresentable<String> & CaseIterable {
    /// One of the names, in any case of letters.
    public static var choice: Form {
        Form("one of " + Value.allCases.map(\.rawValue).joined(separator: ", "), show: \.rawValue) {
            Value(rawValue: $0) ?? Value(rawValue: $0.lowercased())
        }
    }
}

// MARK: - Numbers

extension Form<Int> {
    /// A whole number.
    public static func whole(_ range: ClosedRange<Int>) -> Form {
        let bounds =
            switch (range.lowerBound, range.upperBound) {
            case (.min, .max): ""
            case (let least, .max): " of at least \(least)"
            case (let least, let most): " from \(least) to \(most)"
            }
        return Form("a whole number\(bounds)") {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A number of bytes, as `123`, `64KiB`, `64Ki`, `10MB`, `10M` or `1.5GiB`.
    public static var size: Form { Form("a size such as 600M or 32MiB", show: text(ofSize:), read: bytes) }

    /// A number of bytes, at least so many.
    public static func size(atLeast least: Int) -> Form {
        size.keeping(least <= 1 ? size.words : "a size of at least \(text(ofSize: least)), such as 600M or 32MiB") {
            $0 >= least
        }
    }

    /// A number of bytes, written as millions of them.
    public static func megabytes(_ range: ClosedRange<Double>) -> Form {
        let form = Form<Double>.number(range, of: "MB")
        return Form(form.words, show: { "\($0 / 1_000_000)" }) { form.read($0).map { Int($0 * 1e6) } }
    }

    private static func text(ofSize bytes: Int) -> String {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        guard let unit = units.first(where: { bytes >= $0.1 && bytes % $0.1 == 0 }) else { return "\(bytes)" }
        return "\(bytes / unit.1)\(unit.0)"
    }

    private static func bytes(_ text: String) -> Int? {
        guard let match = text.wholeMatch(of: /([0-9]+)(\.[0-9]+)? ?([KMG]i?)?B?/) else { return nil }
        let factors = ["K": 1000, "M": 1_000_000, "G": 1_000_000_000, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30]
        let factor = match.3.flatMap { factors[String($0)] } ?? 1
        guard let fraction = match.2 else {
            guard let (product, isTooMuch) = Int(match.1)?.multipliedReportingOverflow(by: factor) else { return nil }
            return isTooMuch ? nil : product
        }
        guard let bytes = Double("\(match.1)\(fraction)").map({ $0 * Double(factor) }), bytes < 0x1p62 else {
            return nil
        }
        return Int(bytes)
    }
}

extension Form<ClosedRange<Int>> {
    /// The sample rates that a song may have.
    public static var sampleRates: Form {
        Form(
            "the lowest and the highest rate in Hz, such as 4000-768000", show: { "\($0.lowerBound)-\($0.upperBound)" }
        ) { text in
            let rates = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard rates.count == 2, let low = rates[0], let high = rates[1], low >= 1, low <= high, high <= 1 << 24
            else { return nil }
            return low...high
        }
    }
}

extension Form<Double> {
    /// A number, decimals allowed.
    ///
    /// - Parameter unit: what it counts, for the words.
    public static func number(_ range: ClosedRange<Double>, of unit: String? = nil) -> Form {
        let words =
            "a number \(unit.map { "of \($0) " } ?? "")from \(plain(range.lowerBound)) to \(plain(range.upperBound))"
        return Form(words, show: plain) { Double($0).flatMap { range.contains($0) ? $0 : nil } }
    }

    fileprivate static func plain(_ number: Double) -> String {
        number.formatted(
            .number.grouping(.never).precision(.fractionLength(0...3)).locale(Locale(identifier: "en")))
    }
}

// MARK: - Times

extension Form<Duration> {
    /// A length of time above zero, as `500ms`, `30s`, `1.5m`, `2min` or `2h`.
    public static var time: Form {
        Form("a time such as 500ms, 30s or 2m", show: text) { text in
            guard text.last?.isNumber == false, let time = length(text), time > .zero else { return nil }
            return time
        }
    }

    /// The same, or nothing at all; a number without a unit counts seconds.
    public static var timeOrSeconds: Form { Form("a time such as 500ms, 90s or 5m", show: text, read: length) }

    private static func length(_ text: String) -> Duration? {
        let units = ["ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600]
        guard let match = text.wholeMatch(of: /([0-9]{1,9}(?:\.[0-9]+)?) ?(ms|s|min|m|h)?/),
            let number = Double(match.1)
        else { return nil }
        return .milliseconds(Int64((number * (match.2.flatMap { units[String($0)] } ?? 1) * 1000).rounded()))
    }

    /// A number of seconds, decimals allowed.
    public static func seconds(_ range: ClosedRange<Double>) -> Form {
        let form = Form<Double>.number(range, of: "seconds")
        return Form(form.words, show: { form.show($0 / .seconds(1)) }) {
            form.read($0).map { .milliseconds(Int64($0 * 1000)) }
        }
    }

    private static func text(_ time: Duration) -> String {
        let (seconds, attoseconds) = time.components
        if attoseconds != 0 { return "\(time / .milliseconds(1))ms" }
        return seconds >= 300 && seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}
