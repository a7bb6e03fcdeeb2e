import Foundation
import Tensors

/// The transformer's view of a tensor [frequency][channel][time]: a token for each (frequency, time).
///
/// The reference orders tokens by time first; the order does not matter once each token carries its position, so they
/// stay where the convolutions left them. Blocks of tokens are worked on one at a time.
struct Tokens {
    let bands: Bands
    private let chunks: Chunks

    /// Tokens in a block.
    static let blockSize = 336

    init(_ bands: Bands) {
        self.bands = bands
        let pieces = (bands.columns + Self.blockSize - 1) / Self.blockSize
        let size = (bands.columns + pieces - 1) / pieces
        chunks = Chunks(columns: bands.columns, size: min((size + 47) / 48 * 48, bands.columns))
    }

    /// As many tokens of `channels` channels in memory of their own, to be returned with ``Pass/release(_:)-(Plane)``.
    init(like tokens: Tokens, channels: Int, pass: Pass) throws {
        let plane = try pass.bare(rows: tokens.bands.count * channels, columns: tokens.bands.columns)
        self.init(Bands(plane: plane, channels: channels))
    }

    var channels: Int { bands.channels }
    var count: Int { bands.count * bands.columns }
    var blocks: Int { bands.count * chunks.count }
    var widestBlock: Int { chunks.size }

    /// All channels of a block's tokens.
    subscript(_ block: Int) -> Plane {
        bands[block / chunks.count].slice(columns: chunks[block % chunks.count])
    }

    /// Number of the block's first token.
    func first(_ block: Int) -> Int {
        block / chunks.count * bands.columns + block % chunks.count * chunks.size
    }
}

/// A block of one of the two branches' tokens.
struct TokenBlock {
    let stream: Int
    let block: Int

    static func all(of streams: [Tokens]) -> [TokenBlock] {
        streams.indices.flatMap { stream in
            (0..<streams[stream].blocks).map { TokenBlock(stream: stream, block: $0) }
        }
    }
}

/// A normalisation of tokens: each by itself (`nn.LayerNorm`) or groups of channels over all tokens (`MyGroupNorm`).
enum TokenNorm: Sendable {
    case layer(LayerNorm)
    case group(GroupNorm)

    /// The norm of an encoder layer: groups where `t_group_norm` says so.
    init(_ weights: Weights, channels: Int, groups: Int) throws {
        if groups > 0 {
            guard channels.isMultiple(of: groups) else {
                throw ModelError.inconsistent(reason: "\(channels) channels are not divided by \(groups) groups")
            }
            self = .group(try weights.norm(groups: groups, channels: channels))
        } else {
            self = .layer(
                LayerNorm(
                    weight: FloatMemory(try weights.take("weight", [channels])),
                    bias: FloatMemory(try weights.take("bias", [channels]))))
        }
    }

    /// What has to be known of all tokens before one can be normalised, measured; nil where that is nothing.
    func measure(_ tokens: Tokens, pass: Pass) throws -> GroupNormRun? {
        guard case .group(let norm) = self else { return nil }
        let run = GroupNormRun(norm, pieces: tokens.blocks, kernels: pass.kernels)
        try pass.parallel(tokens.blocks) { block, _ in run.add(tokens[block], piece: block) }
        run.settle(positions: tokens.count)
        return run
    }

    /// Normalises a block; `target` may be `source`.
    func apply(_ source: Plane, to target: Plane, measured run: GroupNormRun?, kernels: Kernels) {
        if case .layer(let norm) = self {
            norm.apply(source, to: target, kernels: kernels)
        } else {
            run?.apply(source, to: target)
        }
    }

    /// Normalises all tokens in place.
    func apply(_ tokens: Tokens, pass: Pass) throws {
        let run = try measure(tokens, pass: pass)
        try pass.parallel(tokens.blocks) { block, _ in
            apply(tokens[block], to: tokens[block], measured: run, kernels: pass.kernels)
        }
    }
}

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
