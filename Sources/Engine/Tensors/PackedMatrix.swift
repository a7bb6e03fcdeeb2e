import CKernels

/// A matrix and its bias, laid out once for the product kernel: panels of a few rows, one column (or pair of columns in
/// bfloat16) after the other.
///
/// Convolutions are products too: their columns are (tap, input channel) and their input rows are shifted pointers.
public struct PackedMatrix: Sendable {
    /// Rows of the product; under ``MSActivationGLU`` twice as many as it stores.
    public let rows: Int
    /// Length of the sums.
    public let depth: Int
    /// What the product does to its rows before it stores them.
    public let activation: MSActivation
    let weights: FloatMemory
    let bias: FloatMemory

    /// Rows that the product stores.
    public var outputRows: Int { activation == MSActivationGLU ? rows / 2 : rows }

    /// Packs row r, column k from `source[rowOffsets[r] + depthOffsets[k]]`.
    ///
    /// - Parameters:
    ///   - source: the weights in the checkpoint's layout
    ///   - rowOffsets: where each row starts; under GLU the values' rows, then the gates' rows
    ///   - depthOffsets: where each column lies, from its row's start
    ///   - bias: one value a row, or nil for zero
    ///   - activation: what the product does to its rows
    ///   - kernels: the instruction set whose panels to make
    public init(
        _ source: [Float], rowOffsets: [Int], depthOffsets: [Int], bias: [Float]?,
        activation: MSActivation = MSActivationNone, kernels: Kernels
    ) {
        let panel = kernels.productPanel
        let order = Self.packedOrder(rows: rowOffsets.count, panel: panel, isGated: activation == MSActivationGLU)
        let depth = depthOffsets.count
        rows = rowOffsets.count
        self.depth = depth
        self.activation = activation
        let size = PackedPanels.size(rows: order.count, panel: panel, depth: depth, terms: kernels.terms)
        weights = FloatMemory(count: size) { memory in
            let panels = PackedPanels(memory, panel: panel, depth: depth, terms: kernels.terms)
            source.withUnsafeBufferPointer { source in
                for (place, row) in order.enumerated() {
                    guard let row else { continue }
                    let start = rowOffsets[row]
                    for k in 0..<depth { panels.store(source[start + depthOffsets[k]], row: place, term: k) }
                }
            }
        }
        self.bias = FloatMemory(order.map { row in row.flatMap { bias?[$0] } ?? 0 })
    }

    /// A linear layer's weights [rows][depth].
    public init(
        linear source: [Float], rows: Int, depth: Int, bias: [Float]?, activation: MSActivation = MSActivationNone,
        kernels: Kernels
    ) {
        self.init(
            source, rowOffsets: (0..<rows).map { $0 * depth }, depthOffsets: Array(0..<depth), bias: bias,
            activation: activation, kernels: kernels)
    }

    /// Which row each packed place holds; nil where a panel is filled up. Under GLU the first half of a panel are
    /// values and the second half their gates; in panels of one row, rows keep their order.
    private static func packedOrder(rows: Int, panel: Int, isGated: Bool) -> [Int?] {
        guard isGated && panel > 1 else {
            return (0..<rows).map { $0 } + Array(repeating: nil, count: (panel - rows % panel) % panel)
        }
        let half = panel / 2
        let outputs = rows / 2
        return (0..<(outputs + half - 1) / half).flatMap { block -> [Int?] in
            let values = (0..<half).map { block * half + $0 < outputs ? block * half + $0 : nil }
            return values + values.map { $0.map { $0 + outputs } }
        }
    }
}
