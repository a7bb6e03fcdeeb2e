import Untrusted

/// The sizes of all layers (source: the loop in `HTDemucs.__init__`).
struct LayerPlan {
    struct Layer {
        var shape: LayerShape
        /// Whether it works over frequencies.
        var isFrequency: Bool
        /// Only the convolution: the waveform's branch where it joins and parts.
        var isEmpty = false
        /// Whether the waveform's branch joins in this layer.
        var isJoined = false
    }

    var encoders: [Layer] = []
    var timeEncoders: [Layer] = []
    var decoders: [Layer] = []
    var timeDecoders: [Layer] = []
    /// Rows of the frequency embedding.
    var embeddingCount = 0

    init(_ configuration: Configuration) throws {
        let stems = configuration.audioChannels * configuration.sources.count
        var inputs = configuration.audioChannels
        var spectrumInputs = configuration.spectrumChannels(inputs)
        var outputs = configuration.timeChannels ?? configuration.channels
        var spectrumOutputs = configuration.channels
        var frequencies = configuration.frameSize / 2
        for index in 0..<configuration.depth {
            let hasNorm = index >= configuration.normStart
            let isFrequency = frequencies > 1
            var kernel = configuration.kernelSize
            var stride = configuration.stride
            if !isFrequency {
                guard frequencies == 1 else {
                    throw ModelError.inconsistent(reason: "no frequency is left at layer \(index)")
                }
                kernel = configuration.timeStride * 2
                stride = configuration.timeStride
            }
            var padding = kernel / 4
            var isLastFrequency = false
            if isFrequency && frequencies <= configuration.kernelSize {
                kernel = frequencies
                padding = 0
                isLastFrequency = true
                spectrumOutputs = max(outputs, spectrumOutputs)
                outputs = spectrumOutputs
            }
            try Self.check(groups: configuration.normGroups, of: [outputs, spectrumOutputs], if: hasNorm)
            encoders.append(
                Layer(
                    shape: LayerShape(
                        inputs: spectrumInputs, outputs: spectrumOutputs, kernel: kernel, stride: stride,
                        padding: padding, hasNorm: hasNorm),
                    isFrequency: isFrequency, isJoined: isLastFrequency))
            let timeShape = LayerShape(
                inputs: inputs, outputs: outputs, kernel: configuration.kernelSize, stride: configuration.stride,
                padding: configuration.kernelSize / 4, hasNorm: hasNorm)
            if isFrequency {
                timeEncoders.append(Layer(shape: timeShape, isFrequency: false, isEmpty: isLastFrequency))
            }
            if index == 0 {
                inputs = stems
                spectrumInputs = configuration.spectrumChannels(stems)
            }
            var decoder = encoders[index]
            decoder.shape.inputs = spectrumOutputs
            decoder.shape.outputs = spectrumInputs
            decoder.isJoined = false
            decoders.insert(decoder, at: 0)
            try Self.check(groups: configuration.normGroups, of: [inputs, spectrumInputs], if: hasNorm)
            if isFrequency {
                var shape = timeShape
                shape.inputs = outputs
                shape.outputs = inputs
                timeDecoders.insert(Layer(shape: shape, isFrequency: false, isEmpty: isLastFrequency), at: 0)
            }
            inputs = outputs
            spectrumInputs = spectrumOutputs
            outputs = Int(clamping: configuration.growth * Double(outputs))
            spectrumOutputs = Int(clamping: configuration.growth * Double(spectrumOutputs))
            guard outputs > 0, spectrumOutputs > 0, outputs < 1 << 16, spectrumOutputs < 1 << 16 else {
                throw ModelError.inconsistent(reason: "growth leads to \(spectrumOutputs) channels")
            }
            if isFrequency {
                frequencies = frequencies <= configuration.kernelSize ? 1 : frequencies / configuration.stride
            }
            if index == 0 { embeddingCount = frequencies }
        }
    }

    private static func check(groups: Int, of channels: [Int], if hasNorm: Bool) throws {
        guard hasNorm, let odd = channels.first(where: { !$0.isMultiple(of: groups) }) else { return }
        throw ModelError.inconsistent(reason: "\(odd) channels are not divided by norm_groups = \(groups)")
    }
}

/// Where a layer stands in the model and the sizes that follow from it (source: the loop in `HTDemucs.__init__`).
struct LayerShape: Sendable {
    var inputs: Int
    var outputs: Int
    var kernel: Int
    var stride: Int
    /// Taps that the convolution reaches beyond each end of its input.
    var padding: Int
    var hasNorm: Bool

    /// Length of the convolution's result.
    func convolved(_ length: Int) -> Int { (length + 2 * padding - kernel) / stride + 1 }

    /// Length of the transposed convolution's result before it is trimmed.
    func transposed(_ length: Int) -> Int { (length - 1) * stride + kernel }

    /// Taps divided by the stride, rounded up.
    var steps: Int { (kernel + stride - 1) / stride }
}
