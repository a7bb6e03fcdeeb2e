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
