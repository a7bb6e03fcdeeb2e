import Tensors

/// The transformer between encoder and decoder (source: `transformer.py`, `CrossTransformerEncoder`).
struct CrossTransformer: Sendable {
    let channels: Int
    private let configuration: TransformerConfiguration
    private let normIn: [TokenNorm?]
    private let layers: [LayerPair]
    /// Rows of the learned embedding, for `t_emb` "scaled".
    private let learned: FloatMemory?

    init(
        _ weights: Weights, channels: Int, configuration: TransformerConfiguration, pool: ThreadPool
    ) throws {
        guard channels.isMultiple(of: configuration.heads) else {
            throw ModelError.inconsistent(
                reason: "the transformer's \(channels) channels are not divided by t_heads = \(configuration.heads)")
        }
        guard channels.isMultiple(of: 4) else {
            throw ModelError.inconsistent(reason: "the transformer's \(channels) channels are not divided by 4")
        }
        self.channels = channels
        self.configuration = configuration
        if configuration.embedding == .scaled {
            let table = try weights["position_embeddings"]["embedding"]
                .take("weight", [configuration.maximumPositions, channels])
            learned = FloatMemory(table.map { $0 * 3 })
        } else {
            learned = nil
        }
        normIn = try ["norm_in", "norm_in_t"].map { name in
            guard configuration.normIn || configuration.normInGroups > 0 else { return nil }
            return try TokenNorm(
                weights[name], channels: channels, groups: configuration.normIn ? 0 : configuration.normInGroups)
        }
        // Both branches' layers are built side by side: they are most of a model's weights.
        let built = try pool.map(2 * configuration.layers) { place in
            let index = place / 2
            return try TransformerLayer(
                weights[place % 2 == 0 ? "layers" : "layers_t"][index],
                isCross: (index % 2 == 0) == configuration.startsWithCross, channels: channels,
                configuration: configuration)
        }
        layers = (0..<configuration.layers).map { LayerPair(layers: Array(built[2 * $0..<2 * $0 + 2])) }
    }

    /// Changes both branches in place: norm, positions, layers.
    func apply(spectrum: Tokens, wave: Tokens, workspace: Workspace, pass: Pass) throws {
        let tokens = [spectrum, wave]
        try pass.layer("crosstransformer.norm_in") {
            try prepare(tokens, workspace: workspace, pass: pass)
        }
        for (index, pair) in layers.enumerated() {
            try pass.layer("crosstransformer.layers.\(index)") { try pair.apply(tokens, pass: pass) }
            pass.observe("crosstransformer.layers.\(index)", spectrum.bands.plane)
            pass.observe("crosstransformer.layers_t.\(index)", wave.bands.plane)
        }
    }

    private func prepare(_ tokens: [Tokens], workspace: Workspace, pass: Pass) throws {
        let kernels = pass.kernels
        let spectrum = tokens[0].bands
        let length = tokens[1].count
        if let learned, length > learned.count / channels {
            throw ModelError.inconsistent(reason: "\(length) positions are more than t_max_positions")
        }
        let period = configuration.maximumPeriod
        let times = workspace.positions("time \(channels) \(spectrum.columns) \(period)") {
            PositionEmbedding.half(channels: channels, length: spectrum.columns, period: period)
        }
        let frequencies = workspace.positions("frequency \(channels) \(spectrum.count) \(period)") {
            PositionEmbedding.half(channels: channels, length: spectrum.count, period: period)
        }
        let isCentred = configuration.embedding == .cape && configuration.normalisesCape
        let line =
            learned == nil
            ? workspace.positions("line \(channels) \(length) \(period) \(isCentred)") {
                PositionEmbedding.line(channels: channels, length: length, period: period, centred: isCentred)
            } : nil
        let weight = Float(configuration.embeddingWeight)
        let measured = try tokens.indices.map { try normIn[$0]?.measure(tokens[$0], pass: pass) }
        let blocks = TokenBlock.all(of: tokens)
        try pass.parallel(blocks.count) { index, _ in
            let (stream, block) = (blocks[index].stream, blocks[index].block)
            let plane = tokens[stream][block]
            normIn[stream]?.apply(plane, to: plane, measured: measured[stream] ?? nil, kernels: kernels)
            let first = tokens[stream].first(block)
            for row in 0..<channels {
                let values = plane.row(row)
                if stream == 1, let line {
                    let positions = line.base + row * length + first
                    for column in 0..<plane.columns { values[column] += weight * positions[column] }
                } else if stream == 1, let learned {
                    let positions = learned.base + first * channels + row
                    for column in 0..<plane.columns { values[column] += weight * positions[column * channels] }
                } else if row < channels / 2 {
                    let positions = times.base + row * spectrum.columns + first % spectrum.columns
                    for column in 0..<plane.columns { values[column] += weight * positions[column] }
                } else {
                    let position = frequencies.base[(row - channels / 2) * spectrum.count + first / spectrum.columns]
                    kernels.affine(values, values, plane.columns, 1, weight * position, MSActivationNone)
                }
            }
        }
    }
}
