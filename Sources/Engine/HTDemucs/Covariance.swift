/// A Hermitian matrix [[left, cross], [conj cross, right]].
struct Covariance {
    var left = 0.0
    var right = 0.0
    var crossReal = 0.0
    var crossImaginary = 0.0

    init() {}

    /// A multiple of the identity; with one channel the other's variance is 1, so that the matrix has an inverse.
    init(regularisation: Double, channels: Int) {
        left = regularisation
        right = channels == 2 ? regularisation : 1
    }

    /// Adds weight · z zᴴ.
    mutating func add(_ z: ChannelPair, weight: Double) {
        left += (z.leftReal * z.leftReal + z.leftImaginary * z.leftImaginary) * weight
        right += (z.rightReal * z.rightReal + z.rightImaginary * z.rightImaginary) * weight
        crossReal += (z.leftReal * z.rightReal + z.leftImaginary * z.rightImaginary) * weight
        crossImaginary += (z.leftImaginary * z.rightReal - z.leftReal * z.rightImaginary) * weight
    }

    mutating func add(_ other: Covariance, weight: Double) {
        left += other.left * weight
        right += other.right * weight
        crossReal += other.crossReal * weight
        crossImaginary += other.crossImaginary * weight
    }

    func scaled(by factor: Double) -> Covariance {
        var result = Covariance()
        result.add(self, weight: factor)
        return result
    }

    /// The product with a vector.
    func applied(to z: ChannelPair) -> ChannelPair {
        ChannelPair(
            leftReal: left * z.leftReal + crossReal * z.rightReal - crossImaginary * z.rightImaginary,
            leftImaginary: left * z.leftImaginary + crossReal * z.rightImaginary + crossImaginary * z.rightReal,
            rightReal: right * z.rightReal + crossReal * z.leftReal + crossImaginary * z.leftImaginary,
            rightImaginary: right * z.rightImaginary + crossReal * z.leftImaginary - crossImaginary * z.leftReal)
    }

    /// The product of the inverse with a vector.
    func solve(_ z: ChannelPair) -> ChannelPair {
        var adjugate = Covariance()
        (adjugate.left, adjugate.right) = (right, left)
        (adjugate.crossReal, adjugate.crossImaginary) = (-crossReal, -crossImaginary)
        let determinant = left * right - crossReal * crossReal - crossImaginary * crossImaginary
        return adjugate.applied(to: z).scaled(by: 1 / determinant)
    }
}
