import Tensors
import Untrusted

/// One layer of one branch (source: `transformer.py`, `MyTransformerEncoderLayer`, `CrossTransformerEncoderLayer`).
struct TransformerLayer: Sendable {
    let isCross: Bool
    let channels: Int
    let heads: Int
    let normFirst: Bool
    let norms: [TokenNorm]
    let normOut: GroupNorm?
    let query: PackedMatrix
    let keyValue: PackedMatrix
    let project: PackedMatrix
    let expand: PackedMatrix
    let contract: PackedMatrix
    let attentionScale: FloatMemory?
    let feedForwardScale: FloatMemory?

    init(_ weights: Weights, isCross: Bool, channels: Int, configuration: TransformerConfiguration) throws {
        self.isCross = isCross
        self.channels = channels
        heads = configuration.heads
        normFirst = configuration.normFirst
        let attention = weights[isCross ? "cross_attn" : "self_attn"]
        do {
            let weight = try attention.take("in_proj_weight", [3 * channels, channels])
            let bias = try attention.take("in_proj_bias", [3 * channels])
            query = PackedMatrix(
                linear: weight, rows: channels, depth: channels, bias: bias, kernels: weights.kernels)
            keyValue = PackedMatrix(
                weight, rowOffsets: (channels..<3 * channels).map { $0 * channels }, depthOffsets: Array(0..<channels),
                bias: Array(bias[channels...]), kernels: weights.kernels)
        }
        project = try attention["out_proj"].linear(channels, channels)
        let hidden = Int(clamping: Double(channels) * configuration.hiddenScale)
        guard hidden > 0, hidden < Configuration.widest else {
            throw ModelError.inconsistent(reason: "t_hidden_scale makes \(hidden) of \(channels) channels")
        }
        expand = try weights["linear1"].linear(
            hidden, channels, activation: configuration.usesGELU ? MSActivationGELU : MSActivationReLU)
        contract = try weights["linear2"].linear(channels, hidden)
        norms = try (1...(isCross ? 3 : 2)).map {
            try TokenNorm(weights["norm\($0)"], channels: channels, groups: configuration.groupNorm)
        }
        // As Python's `norm_first & norm_out`.
        normOut =
            configuration.normFirst && configuration.normOut & 1 != 0
            ? try weights["norm_out"].norm(groups: configuration.normOut, channels: channels) : nil
        attentionScale = configuration.hasLayerScale ? try weights["gamma_1"].scale(channels) : nil
        feedForwardScale = configuration.hasLayerScale ? try weights["gamma_2"].scale(channels) : nil
    }

    var width: Int { channels / heads }

    /// Norm of the feed-forward part.
    var feedForwardNorm: TokenNorm { norms[isCross ? 2 : 1] }

    /// Counts the operations of the layer's products and of its attention.
    func count(_ pass: Pass, tokens: Int, others: Int) {
        pass.count(operations: query.operations + project.operations, columns: tokens)
        pass.count(operations: keyValue.operations, columns: others)
        pass.count(operations: 4 * channels * tokens, columns: others)
        pass.count(operations: expand.operations + contract.operations, columns: tokens)
    }
}

/// A layer of both branches at once: their pieces of work are done together, so that no thread waits for the other
/// branch's last piece.
///
/// Each branch's tokens x [C][N], with y the tokens attended to (x itself, or the other branch's):
///
///     q = W x̄, (k, v) = W ȳ      x += γ₁ · W attention(q, k, v)      x += γ₂ · W gelu(W x̄)      x = norm(x)
///
/// where ¯ is a norm, which comes after the sums where `norm_first` is off.
struct LayerPair: Sendable {
    /// The spectrogram's layer and the waveform's.
    let layers: [TransformerLayer]

    /// Changes both branches' tokens in place.
    func apply(_ tokens: [Tokens], pass: Pass) throws {
        let others = layers.indices.map { layers[$0].isCross ? tokens[1 - $0] : tokens[$0] }
        for stream in layers.indices {
            layers[stream].count(pass, tokens: tokens[stream].count, others: others[stream].count)
        }
        let queries = try layers.indices.map { try Tokens(like: tokens[$0], channels: layers[$0].channels, pass: pass) }
        let keyValues = try layers.indices.map { stream in
            let layer = layers[stream]
            let size = KeyValues.size(
                heads: layer.heads, width: layer.width, tokens: others[stream].count, kernels: pass.kernels)
            let memory = try pass.numbers(size)
            let keyValues = KeyValues(
                in: memory, heads: layer.heads, width: layer.width, tokens: others[stream].count,
                kernels: pass.kernels)
            pass.serial { keyValues.clear() }
            return (memory: memory, keyValues: keyValues)
        }
        try project(tokens, others, to: queries, keyValues.map(\.keyValues), pass: pass)
        try attend(queries, keyValues.map(\.keyValues), pass: pass)
        for (memory, _) in keyValues.reversed() { pass.release(memory) }
        try finish(tokens, attended: queries, pass: pass)
        for tokens in queries.reversed() { pass.release(tokens.bands.plane) }
    }

    /// 1. Norm, then queries; keys and values of the tokens attended to.
    private func project(
        _ tokens: [Tokens], _ others: [Tokens], to queries: [Tokens], _ keyValues: [KeyValues], pass: Pass
    ) throws {
        let kernels = pass.kernels
        let queryNorms = try layers.indices.map { stream in
            try layers[stream].normFirst ? layers[stream].norms[0].measure(tokens[stream], pass: pass) : nil
        }
        let keyNorms = try layers.indices.map { stream in
            try layers[stream].normFirst && layers[stream].isCross
                ? layers[stream].norms[1].measure(others[stream], pass: pass) : nil
        }
        struct Piece { let stream: Int; let block: Int; let isQuery: Bool; let isKey: Bool }
        var pieces: [Piece] = []
        for stream in layers.indices {
            let isCross = layers[stream].isCross
            pieces += (0..<tokens[stream].blocks).map {
                Piece(stream: stream, block: $0, isQuery: true, isKey: !isCross)
            }
            guard isCross else { continue }
            pieces += (0..<others[stream].blocks).map {
                Piece(stream: stream, block: $0, isQuery: false, isKey: true)
            }
        }
        let channels = layers[0].channels
        let widest = tokens.map(\.widestBlock).max() ?? 0
        let scratch =
            .plane(rows: channels, columns: widest) + .plane(rows: 2 * channels, columns: widest)
            + ScratchSize.anyOf(layers.flatMap { [$0.query.scratch(kernels), $0.keyValue.scratch(kernels)] })
        try pass.parallel(pieces.count, scratch: scratch) { index, scratch in
            let piece = pieces[index]
            let layer = layers[piece.stream]
            var scratch = scratch
            var source = (piece.isQuery ? tokens : others)[piece.stream][piece.block]
            if layer.normFirst {
                let normed = scratch.plane(rows: channels, columns: source.columns)
                layer.norms[piece.isQuery ? 0 : 1].apply(
                    source, to: normed, measured: (piece.isQuery ? queryNorms : keyNorms)[piece.stream],
                    kernels: kernels)
                source = normed
            }
            if piece.isQuery {
                layer.query.multiply(source, to: queries[piece.stream][piece.block], kernels: kernels, scratch: scratch)
            }
            if piece.isKey {
                let target = scratch.plane(rows: 2 * channels, columns: source.columns)
                layer.keyValue.multiply(source, to: target, kernels: kernels, scratch: scratch)
                keyValues[piece.stream].store(target, firstToken: others[piece.stream].first(piece.block))
            }
        }
    }

    /// 2. Attention, a head and a block of queries a piece; the result replaces the queries.
    private func attend(_ queries: [Tokens], _ keyValues: [KeyValues], pass: Pass) throws {
        let blocks = TokenBlock.all(of: queries)
        let scratch = ScratchSize.anyOf(keyValues.map(\.scratch))
        try pass.parallel(blocks.count * layers[0].heads, scratch: scratch) { index, scratch in
            // Head by head, so that its keys and values stay in the cache.
            let (stream, block) = (blocks[index % blocks.count].stream, blocks[index % blocks.count].block)
            keyValues[stream].attend(queries[stream][block], head: index / blocks.count, scratch: scratch)
        }
    }

    /// 3. Projection and feed-forward, each added to the tokens.
    private func finish(_ tokens: [Tokens], attended: [Tokens], pass: Pass) throws {
        let kernels = pass.kernels
        let blocks = TokenBlock.all(of: tokens)
        let widest = tokens.map(\.widestBlock).max() ?? 0
        let projectScratch = ScratchSize.anyOf(layers.map { $0.project.scratch(kernels) })
        let feedForwardScratch =
            .plane(rows: layers[0].expand.rows, columns: widest)
            + ScratchSize.anyOf(layers.flatMap { [$0.expand.scratch(kernels), $0.contract.scratch(kernels)] })

        func project(_ stream: Int, _ block: Int, _ scratch: Scratch) {
            layers[stream].project.multiply(
                attended[stream][block], to: tokens[stream][block], scale: layers[stream].attentionScale,
                accumulates: true, kernels: kernels, scratch: scratch)
        }
        func feedForward(_ stream: Int, _ block: Int, _ source: Plane, _ scratch: Scratch) {
            var scratch = scratch
            let hidden = scratch.plane(rows: layers[stream].expand.rows, columns: source.columns)
            layers[stream].expand.multiply(source, to: hidden, kernels: kernels, scratch: scratch)
            layers[stream].contract.multiply(
                hidden, to: tokens[stream][block], scale: layers[stream].feedForwardScale, accumulates: true,
                kernels: kernels, scratch: scratch)
        }
        func projectAll() throws {
            try pass.parallel(blocks.count, scratch: projectScratch) { index, scratch in
                project(blocks[index].stream, blocks[index].block, scratch)
            }
        }
        guard layers[0].normFirst else {
            try projectAll()
            for stream in tokens.indices { try layers[stream].norms[0].apply(tokens[stream], pass: pass) }
            try pass.parallel(blocks.count, scratch: feedForwardScratch) { index, scratch in
                let (stream, block) = (blocks[index].stream, blocks[index].block)
                feedForward(stream, block, tokens[stream][block], scratch)
            }
            for stream in tokens.indices { try layers[stream].norms[1].apply(tokens[stream], pass: pass) }
            return
        }
        // A norm over all tokens needs a barrier before it; a norm of each token follows the projection in the same piece.
        var isLocal = true
        if case .group = layers[0].feedForwardNorm { isLocal = false }
        if !isLocal { try projectAll() }
        let measured = try layers.indices.map { try layers[$0].feedForwardNorm.measure(tokens[$0], pass: pass) }
        let normsOut = layers.map { layer in
            layer.normOut.map { GroupNormRun($0, pieces: blocks.count, kernels: kernels) }
        }
        let normedScratch = ScratchSize.plane(rows: layers[0].channels, columns: widest)
        try pass.parallel(
            blocks.count, scratch: projectScratch | normedScratch + feedForwardScratch
        ) { index, scratch in
            let (stream, block) = (blocks[index].stream, blocks[index].block)
            if isLocal { project(stream, block, scratch) }
            var scratch = scratch
            let target = tokens[stream][block]
            let normed = scratch.plane(rows: target.rows, columns: target.columns)
            layers[stream].feedForwardNorm.apply(target, to: normed, measured: measured[stream], kernels: kernels)
            feedForward(stream, block, normed, scratch)
            normsOut[stream]?.add(target, piece: index)
        }
        for stream in tokens.indices {
            guard let norm = normsOut[stream] else { continue }
            norm.settle(positions: tokens[stream].count)
            try pass.parallel(tokens[stream].blocks) { block, _ in
                norm.apply(tokens[stream][block], to: tokens[stream][block])
            }
        }
    }
}
