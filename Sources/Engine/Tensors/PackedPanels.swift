/// Where a packed operand's numbers lie: [rows / panel][depth / terms][panel], each value one term of a sum or, for
/// kernels that multiply in bfloat16, a pair of terms with the first in its lower half.
///
/// Keeps a pointer to memory that its owner hands in, so it must not outlive that memory. Rows and terms may be stored by
/// several threads at once: the halves of a pair are written one by one.
public struct PackedPanels {
    private let base: UnsafeMutablePointer<Float>
    private let panel: Int
    private let terms: Int
    private let steps: Int

    /// Panels of `panel` rows with sums of `depth` terms, of which a value holds `terms` (1 or 2), from `base` on.
    public init(_ base: UnsafeMutablePointer<Float>, panel: Int, depth: Int, terms: Int) {
        self.base = base
        self.panel = panel
        self.terms = terms
        steps = (depth + terms - 1) / terms
    }

    /// Values that `rows` rows of `depth` terms take.
    public static func size(rows: Int, panel: Int, depth: Int, terms: Int) -> Int {
        (rows + panel - 1) / panel * panel * ((depth + terms - 1) / terms)
    }

    /// Stores one number.
    @inline(__always)
    public func store(_ value: Float, row: Int, term: Int) {
        if terms == 1 { base[place(row, term)] = value } else { storeHalf(value, row, term) }
    }

    /// Stores a term of `count` rows.
    public func store(_ values: UnsafePointer<Float>, count: Int, firstRow: Int, term: Int) {
        var index = 0
        while index < count {
            let row = firstRow + index
            let run = min(panel - row % panel, count - index)
            if terms == 1 {
                (base + place(row, term)).update(from: values + index, count: run)
            } else {
                for offset in 0..<run { storeHalf(values[index + offset], row + offset, term) }
            }
            index += run
        }
    }

    /// Stores `count` terms of a row.
    public func store(_ values: UnsafePointer<Float>, count: Int, row: Int, firstTerm: Int) {
        if terms == 1 {
            var target = base + place(row, firstTerm)
            for index in 0..<count {
                target.pointee = values[index]
                target += panel
            }
        } else {
            for index in 0..<count { storeHalf(values[index], row, firstTerm + index) }
        }
    }

    @inline(__always)
    private func place(_ row: Int, _ term: Int) -> Int {
        (row / panel * steps + term / terms) * panel + row % panel
    }

    @inline(__always)
    private func storeHalf(_ value: Float, _ row: Int, _ term: Int) {
        let pair = (row / panel * steps + (term >> 1)) * panel + row % panel
        UnsafeMutableRawPointer(base).storeBytes(
            of: value.bfloat16Pattern, toByteOffset: 4 * pair + 2 * (term & 1), as: UInt16.self)
    }
}

extension Float {
    /// The number's upper half, rounded to nearest even: its bits as a bfloat16.
    @inline(__always)
    var bfloat16Pattern: UInt16 {
        let bits = bitPattern
        let rounded = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
        return isNaN ? 0x7FC0 : rounded
    }
}
