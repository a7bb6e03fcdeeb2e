import CKernels

/// Where a packed operand's numbers lie: [rows / panel][depth / terms][panel], each value one term of a sum or, for
/// kernels that multiply in bfloat16, a pair of terms with the first in its lower half.
public struct PackedPanels {
    private let base: UnsafeMutablePointer<Float>
    private let panel: Int
    private let terms: Int
    private let steps: Int

    /// Panels of `panel` rows with sums of `depth` terms, from `base` on.
    public init(_ base: UnsafeMutablePointer<Float>, panel: Int, depth: Int, kernels: Kernels) {
        self.base = base
        self.panel = panel
        terms = kernels.terms
        steps = (depth + kernels.terms - 1) / kernels.terms
    }

    /// Values that `rows` rows of `depth` terms take.
    public static func size(rows: Int, panel: Int, depth: Int, kernels: Kernels) -> Int {
        (rows + panel - 1) / panel * panel * ((depth + kernels.terms - 1) / kernels.terms)
    }

    /// Stores one number.
    @inline(__always)
    public func store(_ value: Float, row: Int, term: Int) {
        if terms == 1 { place(row, term).pointee = value } else { half(row, term).pointee = value.bfloat16Pattern }
    }

    /// Stores a term of `count` rows.
    public func store(_ values: UnsafePointer<Float>, count: Int, firstRow: Int, term: Int) {
        var index = 0
        while index < count {
            let row = firstRow + index
            let run = min(panel - row % panel, count - index)
            if terms == 1 {
                place(row, term).update(from: values + index, count: run)
            } else {
                let target = half(row, term)
                for offset in 0..<run { target[2 * offset] = values[index + offset].bfloat16Pattern }
            }
            index += run
        }
    }

    /// Stores `count` terms of a row.
    public func store(_ values: UnsafePointer<Float>, count: Int, row: Int, firstTerm: Int) {
        if terms == 1 {
            var target = place(row, firstTerm)
            for index in 0..<count {
                target.pointee = values[index]
                target += panel
            }
        } else {
            for index in 0..<count { half(row, firstTerm + index).pointee = values[index].bfloat16Pattern }
        }
    }

    @inline(__always)
    private func place(_ row: Int, _ term: Int) -> UnsafeMutablePointer<Float> {
        base + (row / panel * steps + term / terms) * panel + row % panel
    }

    /// Where a bfloat16 lies: in its pair, the first term comes first.
    @inline(__always)
    private func half(_ row: Int, _ term: Int) -> UnsafeMutablePointer<UInt16> {
        UnsafeMutableRawPointer(base).assumingMemoryBound(to: UInt16.self)
            + 2 * ((row / panel * steps + (term >> 1)) * panel + row % panel) + (term & 1)
    }
}

extension Float {
    /// The number's upper half, rounded to nearest even: its bits as a bfloat16.
    @inline(__always)
    var bfloat16Pattern: UInt16 {
        guard !isNaN else { return 0x7FC0 }
        let bits = bitPattern
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}
