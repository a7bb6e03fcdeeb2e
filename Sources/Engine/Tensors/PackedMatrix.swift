import CKernels
import Glibc

/// A matrix and its bias, laid out once for the product kernel: panels of a few rows, one step of the sums after the other.
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
                depthOffsets.withUnsafeBufferPointer { offsets in
                    for (place, row) in order.enumerated() {
                        guard let row else { continue }
                        let start = rowOffsets[row]
                        panels.store(row: place, count: depth) { source[start &+ offsets[$0]] }
                    }
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

extension PackedMatrix {
    /// Scratch that one product takes: its row pointers and the kernel's packed strips.
    public func scratch(_ kernels: Kernels) -> ScratchSize {
        .pointers(depth) + .pointers(outputRows) + .floats(kernels.productScratch(rows, depth))
    }

    /// Floating-point operations for each column.
    public var operations: Int { 2 * rows * depth }

    /// y [outputRows][t] = act(W x [depth][t] + b), with the other terms of ``multiply(_:columns:input:output:scale:addend:accumulates:scratch:)``.
    @inline(__always)
    public func multiply(
        _ x: Plane, to y: Plane, scale: FloatMemory? = nil, addend: UnsafePointer<Float>? = nil,
        accumulates: Bool = false, kernels: Kernels, scratch: Scratch
    ) {
        multiply(
            kernels, columns: x.columns, input: { $0.set(x) }, output: { $0.set(y) }, scale: scale?.base,
            addend: addend, accumulates: accumulates, scratch: scratch)
    }

    /// output[r] = residual[r] + scale[r] · activation(row r · input + bias[r]) + addend[r].
    ///
    /// - Parameters:
    ///   - columns: length of all rows
    ///   - input: sets the pointer of each of ``depth`` input rows
    ///   - output: sets the pointer of each of ``outputRows`` output rows; nil discards a row
    ///   - scale: one factor an output row (LayerScale)
    ///   - addend: one summand an output row
    ///   - accumulates: whether the result is added to what the output rows hold
    ///   - scratch: at least ``scratch(_:)``
    @inline(__always)
    public func multiply(
        _ kernels: Kernels, columns: Int,
        input: (RowPointers) -> Void,
        output: (RowPointers) -> Void,
        scale: UnsafePointer<Float>? = nil, addend: UnsafePointer<Float>? = nil, accumulates: Bool = false,
        scratch: Scratch
    ) {
        var scratch = scratch
        let inputs = scratch.pointers(depth)
        let outputs = scratch.pointers(outputRows)
        input(inputs)
        output(outputs)
        multiply(
            kernels, columns: columns, inputs: inputs, outputs: outputs, residuals: accumulates ? outputs : nil,
            scale: scale, addend: addend, memory: scratch.floats(kernels.productScratch(rows, depth)))
    }

    private func multiply(
        _ kernels: Kernels, columns: Int, inputs: RowPointers,
        outputs: RowPointers,
        residuals: RowPointers?, scale: UnsafePointer<Float>?,
        addend: UnsafePointer<Float>?, memory: UnsafeMutablePointer<Float>
    ) {
        var product = MSProduct()
        product.weights = weights.base
        product.bias = bias.base
        product.rows = rows
        product.depth = depth
        product.input = UnsafePointer(
            UnsafeMutableRawPointer(inputs).assumingMemoryBound(to: UnsafePointer<Float>?.self))
        product.columns = columns
        product.output = UnsafePointer(outputs)
        product.outputRows = outputRows
        product.activation = activation
        product.scale = scale
        product.addend = addend
        product.residual = residuals.map {
            UnsafePointer(UnsafeMutableRawPointer($0).assumingMemoryBound(to: UnsafePointer<Float>?.self))
        }
        product.scratch = memory
        kernels.product(&product)
    }

    /// What a product is: y[r][t] = act(b[r] + Σ_k w[r][k] · x[k][t]), under GLU with the value of row r and the gate of
    /// row r + R/2, in double precision.
    ///
    /// - Parameters:
    ///   - weights: [rows][depth]
    ///   - x: [depth][columns]
    package static func reference(
        _ weights: [Float], bias: [Float], activation: MSActivation, x: [[Float]]
    ) -> [[Double]] {
        let sums = bias.indices.map { row in
            x[0].indices.map { column in
                x.indices.reduce(Double(bias[row])) {
                    $0 + Double(weights[row * x.count + $1]) * Double(x[$1][column])
                }
            }
        }
        switch activation {
        case MSActivationGELU: return sums.map { $0.map(Activation.gelu) }
        case MSActivationReLU: return sums.map { $0.map { max(0, $0) } }
        case MSActivationGLU:
            return (0..<sums.count / 2).map { row in
                zip(sums[row], sums[row + sums.count / 2]).map { $0 * Activation.sigmoid($1) }
            }
        default: return sums
        }
    }
}

/// The definitions of the activations.
package enum Activation {
    /// x · Φ(x), the exact form.
    package static func gelu(_ x: Double) -> Double { 0.5 * x * (1 + erf(x / 2.0.squareRoot())) }
    /// 1 / (1 + e⁻ˣ)
    package static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
}

/// Where a packed operand's numbers lie: [rows / panel][depth / terms][panel][terms], single numbers where `terms` is 1, else
/// bfloat16.
///
/// Keeps a pointer to memory that its owner hands in, so it must not outlive that memory. Rows and terms may be stored by
/// several threads at once: every number is written by itself.
public struct PackedPanels {
    private let base: UnsafeMutableRawPointer
    private let panel: Int
    private let terms: Int
    private let steps: Int

    /// Panels of `panel` rows with sums of `depth` terms, of which `terms` lie together, from `base` on.
    public init(_ base: UnsafeMutablePointer<Float>, panel: Int, depth: Int, terms: Int) {
        self.base = UnsafeMutableRawPointer(base)
        self.panel = panel
        self.terms = terms
        steps = (depth + terms - 1) / terms
    }

    /// Values of 32 bits that `rows` rows of `depth` terms take.
    public static func size(rows: Int, panel: Int, depth: Int, terms: Int) -> Int {
        let numbers = (rows + panel - 1) / panel * panel * ((depth + terms - 1) / terms * terms)
        return terms == 1 ? numbers : numbers / 2
    }

    /// Stores one number.
    @inline(__always)
    public func store(_ value: Float, row: Int, term: Int) { store(value, at: place(row, term)) }

    /// Stores the first `count` terms of a row: `value` of each. Where a row lies is found once, not for each number.
    @inline(__always)
    func store(row: Int, count: Int, _ value: (_ term: Int) -> Float) {
        if terms == 1 {
            let target = (base + 4 * place(row, 0)).assumingMemoryBound(to: Float.self)
            for term in 0..<count { target[term &* panel] = value(term) }
            return
        }
        for first in stride(from: 0, to: count, by: terms) {
            let target = (base + 2 * place(row, first)).assumingMemoryBound(to: UInt16.self)
            for offset in 0..<min(terms, count - first) { target[offset] = value(first &+ offset).bfloat16Pattern }
        }
    }

    /// Stores a term of `count` rows.
    public func store(_ values: UnsafePointer<Float>, count: Int, firstRow: Int, term: Int) {
        var index = 0
        while index < count {
            let row = firstRow + index
            let run = min(panel - row % panel, count - index)
            let first = place(row, term)
            if terms == 1 {
                (base + 4 * first).assumingMemoryBound(to: Float.self).update(from: values + index, count: run)
            } else {
                for offset in 0..<run { storeHalf(values[index + offset], at: first + offset * terms) }
            }
            index += run
        }
    }

    /// Stores `count` terms of a row.
    public func store(_ values: UnsafePointer<Float>, count: Int, row: Int, firstTerm: Int) {
        if terms == 1 {
            for index in 0..<count { store(values[index], at: place(row, firstTerm) + index * panel) }
            return
        }
        var index = 0
        while index < count {
            let term = firstTerm + index
            let run = min(terms - term % terms, count - index)
            let first = place(row, term)
            for offset in 0..<run { storeHalf(values[index + offset], at: first + offset) }
            index += run
        }
    }

    @inline(__always)
    private func place(_ row: Int, _ term: Int) -> Int {
        ((row / panel * steps + term / terms) * panel + row % panel) * terms + term % terms
    }

    @inline(__always)
    private func store(_ value: Float, at place: Int) {
        if terms == 1 {
            base.storeBytes(of: value, toByteOffset: 4 * place, as: Float.self)
        } else {
            storeHalf(value, at: place)
        }
    }

    @inline(__always)
    private func storeHalf(_ value: Float, at place: Int) {
        base.storeBytes(of: value.bfloat16Pattern, toByteOffset: 2 * place, as: UInt16.self)
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
