import CKernels
import Glibc

/// q [H·D][Q], k [H·D][N], v [H·D][N] → o [H·D][Q], for each of H heads of D dimensions
///
///     s[n][t] = Σ d  k[d][n] · q[d][t] / √D        o[d][t] = Σ n  softmax over n (s)[n][t] · v[d][n]
///
/// No score is ever stored: the kernel works on blocks of keys with a running maximum and sum. Keys and values are laid out
/// for it once, by whoever computes them, and read by every block of queries.
public struct KeyValues {
    /// H
    public let heads: Int
    /// D
    public let width: Int
    /// N
    public let tokens: Int
    private let kernels: Kernels
    private let keySize: Int
    private let valueSize: Int
    private let memory: UnsafeMutablePointer<Float>

    /// Numbers of memory that the keys and values of all heads take.
    public static func size(heads: Int, width: Int, tokens: Int, kernels: Kernels) -> Int {
        let (keys, values) = sizes(width: width, tokens: tokens, kernels: kernels)
        return heads * (keys + values)
    }

    private static func sizes(width: Int, tokens: Int, kernels: Kernels) -> (keys: Int, values: Int) {
        (
            PackedPanels.size(rows: tokens, panel: kernels.panel, depth: width, terms: kernels.terms),
            PackedPanels.size(rows: width, panel: kernels.panel, depth: tokens, terms: kernels.terms)
        )
    }

    /// In `memory`, which holds ``size(heads:width:tokens:kernels:)`` numbers.
    public init(in memory: UnsafeMutablePointer<Float>, heads: Int, width: Int, tokens: Int, kernels: Kernels) {
        self.heads = heads
        self.width = width
        self.tokens = tokens
        self.kernels = kernels
        self.memory = memory
        (keySize, valueSize) = Self.sizes(width: width, tokens: tokens, kernels: kernels)
    }

    /// Clears what no token writes and the kernel multiplies nevertheless: the rest of an incomplete step of terms.
    public func clear() {
        guard !width.isMultiple(of: kernels.terms) || !tokens.isMultiple(of: kernels.terms) else { return }
        memory.update(repeating: 0, count: heads * (keySize + valueSize))
    }

    /// Rows are tokens, terms are dimensions.
    private func keys(_ head: Int) -> UnsafeMutablePointer<Float> { memory + head * (keySize + valueSize) }

    /// Rows are dimensions, terms are tokens.
    private func values(_ head: Int) -> UnsafeMutablePointer<Float> { keys(head) + keySize }

    /// Stores a block of tokens: [2·H·D][block], all heads' keys, then all heads' values.
    public func store(_ block: Plane, firstToken: Int) {
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

    /// Scratch for ``attend(_:head:scratch:)``.
    public var scratch: ScratchSize { .floats(kernels.attentionScratch(width)) }

    /// Replaces a head's rows of some queries [H·D][block] by what they attend to.
    public func attend(_ queries: Plane, head: Int, scratch: Scratch) {
        var scratch = scratch
        var attention = MSAttention()
        attention.keyPanels = UnsafePointer(keys(head))
        attention.valuePanels = UnsafePointer(values(head))
        attention.keys = tokens
        attention.width = width
        attention.queries = UnsafePointer(queries.row(head * width))
        attention.output = queries.row(head * width)
        attention.queryStride = queries.stride
        attention.outputStride = queries.stride
        attention.columns = queries.columns
        attention.scale = 1 / Float(width).squareRoot()
        attention.scratch = scratch.floats(kernels.attentionScratch(width))
        kernels.attention(&attention)
    }
}

extension KeyValues {
    /// One head's definition, in double precision: q, k, v [D][tokens].
    package static func reference(_ q: [[Float]], _ k: [[Float]], _ v: [[Float]]) -> [[Double]] {
        var out = q.map { $0.map { _ in 0.0 } }
        for query in q[0].indices {
            let scores = k[0].indices.map { key in
                q.indices.reduce(0.0) { $0 + Double(q[$1][query]) * Double(k[$1][key]) } / Double(q.count).squareRoot()
            }
            let highest = scores.max() ?? 0
            let weights = scores.map { exp($0 - highest) }
            let total = weights.reduce(0, +)
            for d in v.indices {
                out[d][query] = zip(weights, v[d]).reduce(0.0) { $0 + $1.0 * Double($1.1) } / total
            }
        }
        return out
    }
}
