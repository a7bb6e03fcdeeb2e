import Tensors

/// Keys and values of all tokens and heads, laid out as the attention kernel reads them.
struct KeyValues {
    let heads: Int
    let width: Int
    let tokens: Int
    private let kernels: Kernels
    private let keySize: Int
    private let valueSize: Int
    private let memory: UnsafeMutablePointer<Float>

    init(heads: Int, width: Int, tokens: Int, pass: Pass) throws {
        self.heads = heads
        self.width = width
        self.tokens = tokens
        kernels = pass.kernels
        keySize = PackedPanels.size(rows: tokens, panel: kernels.panel, depth: width, terms: kernels.terms)
        valueSize = PackedPanels.size(rows: width, panel: kernels.panel, depth: tokens, terms: kernels.terms)
        let count = heads * (keySize + valueSize)
        let memory = try pass.numbers(count)
        self.memory = memory
        // The second half of an incomplete pair of terms is multiplied, too.
        if !width.isMultiple(of: kernels.terms) || !tokens.isMultiple(of: kernels.terms) {
            pass.serial { memory.update(repeating: 0, count: count) }
        }
    }

    func release(_ pass: Pass) { pass.release(memory) }

    /// Rows are tokens, terms are dimensions.
    func keys(_ head: Int) -> UnsafeMutablePointer<Float> { memory + head * (keySize + valueSize) }

    /// Rows are dimensions, terms are tokens.
    func values(_ head: Int) -> UnsafeMutablePointer<Float> { keys(head) + keySize }

    /// Stores a block of tokens: all heads' keys, then all heads' values, in the block's rows.
    func store(_ block: Plane, firstToken: Int) {
        for head in 0..<heads {
            let keys = PackedPanels(keys(head), panel: kernels.panel, depth: width, terms: kernels.terms)
            let values = PackedPanels(values(head), panel: kernels.panel, depth: tokens, terms: kernels.terms)
            for dimension in 0..<width {
                keys.store(
                    block.row(head * width + dimension), count: block.columns, firstRow: firstToken, term: dimension)
                values.store(
                    block.row((heads + head) * width + dimension), count: block.columns, row: dimension,
                    firstTerm: firstToken)
            }
        }
    }
}
