import Tensors

/// Keys and values of all tokens and heads, laid out as the attention kernel reads them.
struct KeyValues {
    let heads: Int
    let width: Int
    let tokens: Int
    private let panel: Int
    private let memory: UnsafeMutablePointer<Float>

    init(heads: Int, width: Int, tokens: Int, pass: Pass) throws {
        self.heads = heads
        self.width = width
        self.tokens = tokens
        panel = pass.kernels.panel
        let keys = (tokens + panel - 1) / panel * panel * width
        let values = (width + panel - 1) / panel * panel * tokens
        memory = try pass.numbers(heads * (keys + values))
    }

    func release(_ pass: Pass) { pass.release(memory) }

    private var keySize: Int { (tokens + panel - 1) / panel * panel * width }
    private var valueSize: Int { (width + panel - 1) / panel * panel * tokens }

    /// [token / panel][dimension][panel]
    func keys(_ head: Int) -> UnsafeMutablePointer<Float> { memory + head * (keySize + valueSize) }

    /// [dimension / panel][token][panel]
    func values(_ head: Int) -> UnsafeMutablePointer<Float> { keys(head) + keySize }

    /// Stores a block of tokens: all heads' keys, then all heads' values, in the block's rows.
    func store(_ block: Plane, firstToken: Int) {
        for head in 0..<heads {
            storeKeys(block.slice(rows: head * width..<(head + 1) * width), firstToken, to: keys(head))
            storeValues(
                block.slice(rows: (heads + head) * width..<(heads + head + 1) * width), firstToken, to: values(head))
        }
    }

    private func storeKeys(_ rows: Plane, _ firstToken: Int, to target: UnsafeMutablePointer<Float>) {
        var column = 0
        while column < rows.columns {
            let token = firstToken + column
            let count = min(panel - token % panel, rows.columns - column)
            var place = target + token / panel * panel * width + token % panel
            var source = rows.base + column
            for _ in 0..<width {
                for index in 0..<count { place[index] = source[index] }
                place += panel
                source += rows.stride
            }
            column += count
        }
    }

    private func storeValues(_ rows: Plane, _ firstToken: Int, to target: UnsafeMutablePointer<Float>) {
        for dimension in 0..<width {
            var place = target + dimension / panel * panel * tokens + firstToken * panel + dimension % panel
            let source = rows.row(dimension)
            for column in 0..<rows.columns {
                place.pointee = source[column]
                place += panel
            }
        }
    }
}
