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
