import Foundation
import Tensors

/// The sinusoids that tell the transformer where a token is, in the reference's single-precision arithmetic.
enum PositionEmbedding {
    /// One row a channel over `length` positions (source: `create_sin_embedding`, `create_sin_embedding_cape`).
    ///
    /// - Parameter centred: whether positions are counted from their mean (`cape_mean_normalize`)
    static func line(channels: Int, length: Int, period: Double, centred: Bool) -> FloatMemory {
        let half = channels / 2
        let mean: Float = centred ? Float(length - 1) / 2 : 0
        return FloatMemory(count: channels * length) { memory in
            for channel in 0..<half {
                let divisor = powf(Float(period), Float(channel) / Float(half - 1))
                for position in 0..<length {
                    let phase = (Float(position) - mean) / divisor
                    memory[channel * length + position] = cosf(phase)
                    memory[(half + channel) * length + position] = sinf(phase)
                }
            }
        }
    }

    /// One row for each of the first or second half of the channels, over time or over frequency
    /// (source: `create_2d_sin_embedding`, whose first half depends on time only and its second half on frequency).
    static func half(channels: Int, length: Int, period: Double) -> FloatMemory {
        let half = channels / 2
        let factor = Float(-(log(period) / Double(half)))
        return FloatMemory(count: half * length) { memory in
            for pair in 0..<half / 2 {
                let rate = expf(Float(2 * pair) * factor)
                for position in 0..<length {
                    let phase = Float(position) * rate
                    memory[2 * pair * length + position] = sinf(phase)
                    memory[(2 * pair + 1) * length + position] = cosf(phase)
                }
            }
        }
    }
}
