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

    /// `weight` and `bias` of a convolution with the columns in the order (tap, input channel).
    ///
    /// - Parameters:
    ///   - kernel: taps in each dimension of the weights
    ///   - paddedTaps: taps after filling up with zeros; nil for no filling
    func convolution(
        _ outputs: Int, _ inputs: Int, kernel: [Int], paddedTaps: Int? = nil,
        activation: MSActivation = MSActivationNone
    ) throws -> PackedMatrix {
        let bias = try take("bias", [outputs])
        var source = try take("weight", [outputs, inputs] + kernel)
        var taps = kernel.reduce(1, *)
        if let paddedTaps, paddedTaps > taps {
            source = Self.fill(source, taps: taps, to: paddedTaps)
            taps = paddedTaps
        }
        return PackedMatrix(
            source, rowOffsets: (0..<outputs).map { $0 * inputs * taps },
            depthOffsets: (0..<taps).flatMap { tap in (0..<inputs).map { $0 * taps + tap } }, bias: bias,
            activation: activation, kernels: kernels)
    }

    /// `weight` and `bias` of a transposed convolution: rows (phase, output channel), columns (step, input channel),
    /// where tap = step · stride + phase.
    func transposedConvolution(
        _ inputs: Int, _ outputs: Int, kernel: [Int], stride: Int, activation: MSActivation
    ) throws -> PackedMatrix {
        let bias = try take("bias", [outputs])
        var source = try take("weight", [inputs, outputs] + kernel)
        var taps = kernel.reduce(1, *)
        let steps = (taps + stride - 1) / stride
        if steps * stride > taps {
            source = Self.fill(source, taps: taps, to: steps * stride)
            taps = steps * stride
        }
        return PackedMatrix(
            source, rowOffsets: (0..<stride).flatMap { phase in (0..<outputs).map { $0 * taps + phase } },
            depthOffsets: (0..<steps).flatMap { step in (0..<inputs).map { $0 * outputs * taps + step * stride } },
            bias: (0..<stride).flatMap { _ in bias }, activation: activation, kernels: kernels)
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

    private static func fill(_ source: [Float], taps: Int, to padded: Int) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(source.count / taps * padded)
        for start in stride(from: 0, to: source.count, by: taps) {
            result.append(contentsOf: source[start..<start + taps])
            result.append(contentsOf: repeatElement(0, count: padded - taps))
        }
        return result
    }
}
