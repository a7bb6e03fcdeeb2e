/// A complex number for each of two channels; the second is zero in monaural audio.
struct ChannelPair {
    var leftReal, leftImaginary, rightReal, rightImaginary: Double

    var power: Double {
        leftReal * leftReal + leftImaginary * leftImaginary + rightReal * rightReal + rightImaginary * rightImaginary
    }

    func scaled(by factor: Double) -> ChannelPair {
        ChannelPair(
            leftReal: leftReal * factor, leftImaginary: leftImaginary * factor, rightReal: rightReal * factor,
            rightImaginary: rightImaginary * factor)
    }
}
