/// An amount of a resource as the API writes it: `600Mi`, `1.5Gi`, `250m`, `3k`, `12e6`.
///
/// Kept exactly, in billionths; like the API server, what is finer is rounded up and what is beyond 2⁶³ − 1 is capped.
/// Source: `apimachinery/pkg/api/resource`, "Quantity".
public struct Quantity: Sendable, Hashable {
    /// The amount in billionths of its unit.
    public let nanos: Int128

    private static let one: Int128 = 1_000_000_000
    private static let largest = Int128(Int64.max) * one

    /// A whole amount, for instance bytes.
    public init(_ value: Int) { nanos = Int128(value) * Self.one }

    init(nanos: Int128) { self.nanos = nanos }

    /// The amount in whole units, rounded up: bytes of memory, cores, pods.
    public var value: Int {
        let (quotient, remainder) = nanos.quotientAndRemainder(dividingBy: Self.one)
        return Int(clamping: remainder > 0 ? quotient + 1 : quotient)
    }

    /// Reads the API's text.
    ///
    /// - Throws: ``KubernetesError/malformed(_:_:)`` for anything that is not a quantity.
    public init(_ text: String) throws(KubernetesError) {
        guard let nanos = Self.parse(text) else {
            throw .malformed("quantity", "\(text.debugDescription) is not an amount like 600Mi, 1.5G or 250m")
        }
        self.nanos = nanos
    }

    private static func parse(_ text: String) -> Int128? {
        var rest = Substring(text)
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        let whole = rest.prefix(while: \.isDecimalDigit)
        rest.removeFirst(whole.count)
        var fraction: Substring = ""
        if rest.first == "." {
            rest.removeFirst()
            fraction = rest.prefix(while: \.isDecimalDigit)
            rest.removeFirst(fraction.count)
        }
        guard !(whole.isEmpty && fraction.isEmpty), let unit = Unit(rest) else { return nil }
        let size = magnitude(whole, fraction, unit)
        return isNegative ? -size : size
    }

    /// The digits times the unit, in billionths, rounded up and capped.
    private static func magnitude(_ whole: Substring, _ fraction: Substring, _ unit: Unit) -> Int128 {
        var digits = (whole + fraction).drop { $0 == "0" }
        guard !digits.isEmpty else { return 0 }
        // The last digit counts for ten to this power, times the unit's power of two.
        var power = unit.ten + 9 - fraction.count
        var isCut = false
        while digits.count > 38 || power < -38 {  // 10³⁸ is the last power that 128 bits hold
            guard let last = digits.popLast() else { return 1 }
            isCut = isCut || last != "0"
            power += 1
        }
        let size = digits.reduce(UInt128(0)) { $0 * 10 + UInt128($1.wholeNumberValue ?? 0) }
        let product = size.multipliedFullWidth(by: 1 << UInt128(unit.two))
        guard let factor = powerOfTen(abs(power)) else { return largest }
        let result: (quotient: UInt128, isInexact: Bool)
        if power < 0 {
            guard product.high < factor else { return largest }
            let (quotient, remainder) = factor.dividingFullWidth(product)
            result = (quotient, isCut || remainder > 0)
        } else {
            let (scaled, overflow) = product.low.multipliedReportingOverflow(by: factor)
            guard product.high == 0, !overflow else { return largest }
            result = (scaled, isCut)
        }
        guard result.quotient < UInt128(largest) else { return largest }
        return Int128(result.quotient) + (result.isInexact ? 1 : 0)
    }

    private static func powerOfTen(_ exponent: Int) -> UInt128? {
        exponent > 38 ? nil : (0..<exponent).reduce(UInt128(1)) { power, _ in power * 10 }
    }

    /// What follows the digits: powers of ten and of two.
    private struct Unit {
        var ten = 0
        var two = 0

        init?(_ suffix: Substring) {
            switch suffix {
            case "": break
            case "n": ten = -9
            case "u": ten = -6
            case "m": ten = -3
            case "k": ten = 3
            case "M": ten = 6
            case "G": ten = 9
            case "T": ten = 12
            case "P": ten = 15
            case "E": ten = 18
            case "Ki": two = 10
            case "Mi": two = 20
            case "Gi": two = 30
            case "Ti": two = 40
            case "Pi": two = 50
            case "Ei": two = 60
            default:
                guard suffix.first == "e" || suffix.first == "E" else { return nil }
                let digits = suffix.dropFirst()
                let isPlain = digits.drop { $0 == "+" || $0 == "-" }.allSatisfy(\.isDecimalDigit)
                guard isPlain, let exponent = Int(digits), abs(exponent) < 1000 else { return nil }
                ten = exponent
            }
        }
    }
}

extension Quantity: Comparable {
    /// Whether the first amount is the smaller one, however each was written.
    public static func < (left: Self, right: Self) -> Bool { left.nanos < right.nanos }
    /// The sum of two amounts.
    public static func + (left: Self, right: Self) -> Self { Quantity(nanos: left.nanos + right.nanos) }
    /// The difference of two amounts; it may be negative.
    public static func - (left: Self, right: Self) -> Self { Quantity(nanos: left.nanos - right.nanos) }
}

extension Quantity: CustomStringConvertible {
    /// The amount as the API would read it back, without binary suffixes.
    public var description: String {
        if nanos % Self.one == 0 { return String(nanos / Self.one) }
        if nanos % 1_000_000 == 0 { return "\(nanos / 1_000_000)m" }
        return "\(nanos)n"
    }
}

extension Quantity: Codable {
    /// Reads a string or, as the API also allows, a number.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            try self.init(text)
        } else {
            self.init(try container.decode(Int.self))
        }
    }

    /// Writes the amount as a string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Character {
    fileprivate var isDecimalDigit: Bool { ("0"..."9").contains(self) }
}
