import Tensors
import Testing

/// Numbers lie where the kernels' header says: [row / panel][depth / terms][panel][terms].
@Suite struct PackedPanelsTests {
    /// The number at a place, of which a value of 32 bits holds one or two.
    private func number(_ memory: FloatMemory, _ place: Int, terms: Int) -> Float {
        if terms == 1 { return memory.base[place] }
        let bits = memory.base[place / 2].bitPattern
        return Float(bitPattern: place % 2 == 0 ? bits << 16 : bits & 0xFFFF_0000)
    }

    @Test(arguments: [1, 2, 4, 32])
    func panelsAreFilledPanelByPanel(terms: Int) {
        let (rows, depth, panel) = (11, 5, 4)
        let steps = (depth + terms - 1) / terms
        let size = PackedPanels.size(rows: rows, panel: panel, depth: depth, terms: terms)
        #expect(size == 12 * steps * terms / (terms == 1 ? 1 : 2))
        let value = { (row: Int, term: Int) in Float(row * 8 + term) }
        let fillings: [(PackedPanels) -> Void] = [
            { panels in
                for row in 0..<rows { for term in 0..<depth { panels.store(value(row, term), row: row, term: term) } }
            },
            { panels in
                for row in 0..<rows {
                    panels.store((1..<depth).map { value(row, $0) }, count: depth - 1, row: row, firstTerm: 1)
                    panels.store(value(row, 0), row: row, term: 0)
                }
            },
            { panels in
                for term in 0..<depth {
                    panels.store((3..<rows).map { value($0, term) }, count: rows - 3, firstRow: 3, term: term)
                    panels.store((0..<3).map { value($0, term) }, count: 3, firstRow: 0, term: term)
                }
            },
        ]
        for fill in fillings {
            let memory = FloatMemory(count: size) { fill(PackedPanels($0, panel: panel, depth: depth, terms: terms)) }
            for row in 0..<rows {
                for term in 0..<depth {
                    let place = ((row / panel * steps + term / terms) * panel + row % panel) * terms + term % terms
                    #expect(number(memory, place, terms: terms) == value(row, term))
                }
            }
        }
    }

    /// Ties go to even; the largest numbers become infinite; a NaN stays one.
    @Test func bfloat16IsRoundedToNearestEven() {
        let cases: [(UInt32, UInt32)] = [
            (0x3F80_0000, 0x3F80_0000), (0x3F80_8000, 0x3F80_0000), (0x3F81_8000, 0x3F82_0000),
            (0x3F80_8001, 0x3F81_0000), (0x3F80_7FFF, 0x3F80_0000), (0xBF81_8000, 0xBF82_0000),
            (0x7F7F_FFFF, 0x7F80_0000), (0x7F80_0000, 0x7F80_0000), (0x0000_8001, 0x0001_0000),
            (0x8000_0000, 0x8000_0000),
        ]
        let values = cases.map { Float(bitPattern: $0.0) } + [Float.nan, Float(bitPattern: 0x7F80_0001)]
        let memory = FloatMemory(count: PackedPanels.size(rows: 1, panel: 1, depth: values.count, terms: 2)) {
            PackedPanels($0, panel: 1, depth: values.count, terms: 2)
                .store(values, count: values.count, row: 0, firstTerm: 0)
        }
        let found = values.indices.map { number(memory, $0, terms: 2) }
        #expect(found.prefix(cases.count).map(\.bitPattern) == cases.map(\.1))
        #expect(found.suffix(2).map(\.isNaN) == [true, true])
    }
}
