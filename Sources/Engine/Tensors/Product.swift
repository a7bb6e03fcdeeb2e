import CKernels

extension PackedMatrix {
    /// Scratch that one product takes: its row pointers and the kernel's packed strip.
    public func scratchSize(_ kernels: Kernels) -> Int {
        Scratch.size(pointers: depth) + 2 * Scratch.size(pointers: outputRows)
            + Scratch.size(floats: kernels.productScratch(rows, depth))
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
    ///   - scratch: at least ``scratchSize(_:)``
    @inline(__always)
    public func multiply(
        _ kernels: Kernels, columns: Int,
        input: (UnsafeMutablePointer<UnsafeMutablePointer<Float>?>) -> Void,
        output: (UnsafeMutablePointer<UnsafeMutablePointer<Float>?>) -> Void,
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

    @usableFromInline
    func multiply(
        _ kernels: Kernels, columns: Int, inputs: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>,
        outputs: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>,
        residuals: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>?, scale: UnsafePointer<Float>?,
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
}
