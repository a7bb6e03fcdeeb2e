import Checkpoints
import Tensors

/// Takes tensors from a checkpoint under a prefix of names and packs them.
struct Weights {
    let store: TensorStore
    let kernels: Kernels
    private let prefix: String

    init(_ store: TensorStore, kernels: Kernels) {
        self.init(store: store, kernels: kernels, prefix: "")
    }

    private init(store: TensorStore, kernels: Kernels, prefix: String) {
        self.store = store
        self.kernels = kernels
        self.prefix = prefix
    }

    /// The tensors of a part of the model.
    subscript(_ name: String) -> Weights {
        Weights(store: store, kernels: kernels, prefix: prefix + name + ".")
    }

    /// The tensors of an item of a list of parts.
    subscript(_ index: Int) -> Weights { self["\(index)"] }

    func take(_ name: String, _ shape: [Int]) throws -> [Float] { try store.take(prefix + name, shape: shape) }

    /// `weight` and `bias` of a linear layer.
    func linear(_ rows: Int, _ depth: Int, activation: MSActivation = MSActivationNone) throws -> PackedMatrix {
        let bias = try take("bias", [rows])
        return PackedMatrix(
            linear: try take("weight", [rows, depth]), rows: rows, depth: depth, bias: bias, activation: activation,
            kernels: kernels)
    }

    /// `weight` and `bias` of a convolution, [outputs][inputs] and then its taps.
    ///
    /// - Parameters:
    ///   - frequencies: taps over frequencies; nil for weights without that dimension
    ///   - times: taps over time
    func convolution(
        _ outputs: Int, _ inputs: Int, frequencies: Int? = nil, times: Int = 1, stride: Int = 1, padding: Int = 0,
        dilation: Int = 1, activation: MSActivation = MSActivationNone
    ) throws -> Convolution {
        let bias = try take("bias", [outputs])
        let weight = try take("weight", [outputs, inputs] + (frequencies.map { [$0] } ?? []) + [times])
        return Convolution(
            weight: weight, bias: bias, inputs: inputs, taps: (frequencies ?? 1, times), stride: stride,
            padding: padding, dilation: dilation, activation: activation, kernels: kernels)
    }

    /// `weight` and `bias` of a layer's strided convolution over time.
    func stridedConvolution(_ shape: LayerShape, activation: MSActivation) throws -> StridedConvolution {
        let bias = try take("bias", [shape.outputs])
        return StridedConvolution(
            weight: try take("weight", [shape.outputs, shape.inputs, shape.kernel]), bias: bias, inputs: shape.inputs,
            kernel: shape.kernel, stride: shape.stride, padding: shape.padding, activation: activation,
            kernels: kernels)
    }

    /// `weight` and `bias` of a layer's transposed convolution; over frequencies the weights have a dimension more.
    func transposedConvolution(
        _ shape: LayerShape, isFrequency: Bool, activation: MSActivation
    ) throws -> TransposedConvolution {
        let bias = try take("bias", [shape.outputs])
        return TransposedConvolution(
            weight: try take("weight", [shape.inputs, shape.outputs, shape.kernel] + (isFrequency ? [1] : [])),
            bias: bias, inputs: shape.inputs, kernel: shape.kernel, stride: shape.stride, activation: activation,
            kernels: kernels)
    }

    /// `weight` and `bias` of a normalisation.
    func norm(groups: Int, channels: Int) throws -> GroupNorm {
        guard groups > 0, channels.isMultiple(of: groups) else {
            throw ModelError.inconsistent(reason: "\(channels) channels are not divided by \(groups) groups")
        }
        return GroupNorm(
            groups: groups, weight: FloatMemory(try take("weight", [channels])),
            bias: FloatMemory(try take("bias", [channels])))
    }

    /// The factors of a LayerScale.
    func scale(_ channels: Int) throws -> FloatMemory { FloatMemory(try take("scale", [channels])) }
}
