import Tensors

/// A layer of both branches at once: their pieces of work are done together, so that no thread waits for the other
/// branch's last piece.
struct LayerPair: Sendable {
    /// The spectrogram's layer and the waveform's.
    let layers: [TransformerLayer]

    /// Changes both branches' tokens in place.
    func apply(_ tokens: [Tokens], pass: Pass) throws {
        let kernels = pass.kernels
        let streams = zip(layers, tokens).enumerated().map { index, pair in
            (layer: pair.0, tokens: pair.1, others: pair.0.isCross ? tokens[1 - index] : pair.1)
        }
        for stream in streams {
            let (layer, tokens, others) = stream
            pass.count(rows: 2 * layer.channels, depth: layer.channels, columns: tokens.count + others.count)
            pass.count(rows: 2 * layer.channels, depth: tokens.count, columns: others.count)
            pass.count(rows: 2 * layer.expand.rows, depth: layer.channels, columns: tokens.count)
        }

        // 1. Norm, then queries; keys and values of the tokens attended to.
        let queries = try streams.map {
            Tokens(
                Bands(
                    plane: try pass.plane(rows: $0.tokens.bands.plane.rows, columns: $0.tokens.bands.columns, halo: 0),
                    channels: $0.layer.channels))
        }
        let keyValues = try streams.map {
            try KeyValues(heads: $0.layer.heads, width: $0.layer.width, tokens: $0.others.count, pass: pass)
        }
        let queryNorms = try streams.map {
            try $0.layer.normFirst ? $0.layer.norms[0].prepare($0.tokens, pass: pass) : nil
        }
        let keyNorms = try streams.map {
            try $0.layer.normFirst && $0.layer.isCross ? $0.layer.norms[1].prepare($0.others, pass: pass) : nil
        }
        let widest = tokens.map(\.widestBlock).max() ?? 0
        let channels = layers[0].channels
        let productScratch = layers[0].productScratch(kernels)
        let blockSize = Plane.size(rows: channels, columns: widest, halo: 0) + 16
        struct Piece { let stream: Int; let block: Int; let isQuery: Bool; let isKey: Bool }
        var pieces: [Piece] = []
        for (index, stream) in streams.enumerated() {
            for block in 0..<stream.tokens.blocks {
                pieces.append(Piece(stream: index, block: block, isQuery: true, isKey: !stream.layer.isCross))
            }
            guard stream.layer.isCross else { continue }
            for block in 0..<stream.others.blocks {
                pieces.append(Piece(stream: index, block: block, isQuery: false, isKey: true))
            }
        }
        try pass.parallel(pieces.count, scratch: 3 * blockSize + productScratch) { index, scratch in
            let piece = pieces[index]
            let (layer, tokens, others) = streams[piece.stream]
            var scratch = scratch
            var source = (piece.isQuery ? tokens : others)[piece.block]
            if layer.normFirst {
                let normed = scratch.plane(rows: channels, columns: source.columns, halo: 0)
                let norm = piece.isQuery ? layer.norms[0] : layer.norms[1]
                let coefficients = piece.isQuery ? queryNorms[piece.stream] : keyNorms[piece.stream]
                norm.apply(source, to: normed, coefficients: coefficients, kernels: kernels)
                source = normed
            }
            if piece.isQuery {
                let target = queries[piece.stream][piece.block]
                layer.query.multiply(
                    kernels, columns: source.columns, input: { $0.set(source) }, output: { $0.set(target) },
                    scratch: scratch)
            }
            if piece.isKey {
                let target = scratch.plane(rows: 2 * channels, columns: source.columns, halo: 0)
                layer.keyValue.multiply(
                    kernels, columns: source.columns, input: { $0.set(source) }, output: { $0.set(target) },
                    scratch: scratch)
                keyValues[piece.stream].store(target, firstToken: others.first(piece.block))
            }
        }
        for memory in queryNorms + keyNorms { if let memory { pass.release(memory) } }

        // 2. Attention, a head and a block of queries a piece; the result replaces the queries.
        let heads = layers[0].heads
        let width = layers[0].width
        let queryBlocks = queries.flatMap { tokens in (0..<tokens.blocks).map { tokens[$0] } }
        let streamOfBlock = queries.enumerated().flatMap { index, tokens in
            [Int](repeating: index, count: tokens.blocks)
        }
        try pass.parallel(queryBlocks.count * heads, scratch: kernels.attentionScratch(width)) { index, scratch in
            // Head by head, so that its keys and values stay in the cache.
            var scratch = scratch
            let stream = streamOfBlock[index % queryBlocks.count]
            let head = index / queryBlocks.count
            let block = queryBlocks[index % queryBlocks.count]
            var attention = MSAttention()
            attention.keyPanels = UnsafePointer(keyValues[stream].keys(head))
            attention.valuePanels = UnsafePointer(keyValues[stream].values(head))
            attention.keys = keyValues[stream].tokens
            attention.width = width
            attention.queries = UnsafePointer(block.row(head * width))
            attention.output = block.row(head * width)
            attention.queryStride = block.stride
            attention.outputStride = block.stride
            attention.columns = block.columns
            attention.scale = 1 / Float(width).squareRoot()
            attention.scratch = scratch.floats(kernels.attentionScratch(width))
            kernels.attention(&attention)
        }
        keyValues.reversed().forEach { $0.release(pass) }

        // 3. Projection and feed-forward, each added to the tokens.
        try finish(tokens, attended: queries, pass: pass)
        queries.reversed().forEach { pass.release($0.bands.plane, halo: 0) }
    }

    private func finish(_ tokens: [Tokens], attended: [Tokens], pass: Pass) throws {
        let kernels = pass.kernels
        let blocks = tokens.indices.flatMap { stream in (0..<tokens[stream].blocks).map { (stream, $0) } }
        let widest = tokens.map(\.widestBlock).max() ?? 0
        let layer = layers[0]
        let blockSize = Plane.size(rows: layer.channels, columns: widest, halo: 0) + 16
        let hiddenSize = Plane.size(rows: layer.expand.rows, columns: widest, halo: 0) + 16
        let productScratch = layer.productScratch(kernels)
        let sums = layers.map { PartialMoments(pieces: blocks.count, groups: $0.normOut?.groups ?? 1) }

        func project(_ stream: Int, _ block: Int, _ scratch: Scratch) {
            layers[stream].project.multiply(
                kernels, columns: tokens[stream][block].columns, input: { $0.set(attended[stream][block]) },
                output: { $0.set(tokens[stream][block]) }, scale: layers[stream].attentionScale?.base,
                accumulates: true, scratch: scratch)
        }
        func feedForward(_ stream: Int, _ block: Int, _ source: Plane, _ scratch: Scratch) {
            var scratch = scratch
            let hidden = scratch.plane(rows: layers[stream].expand.rows, columns: source.columns, halo: 0)
            layers[stream].expand.multiply(
                kernels, columns: source.columns, input: { $0.set(source) }, output: { $0.set(hidden) },
                scratch: scratch)
            layers[stream].contract.multiply(
                kernels, columns: source.columns, input: { $0.set(hidden) },
                output: { $0.set(tokens[stream][block]) }, scale: layers[stream].feedForwardScale?.base,
                accumulates: true, scratch: scratch)
        }
        let scratchSize = blockSize + hiddenSize + productScratch
        if layer.normFirst {
            let middle = layers.map { $0.norms[$0.isCross ? 2 : 1] }
            var needsBarrier = false
            if case .group = middle[0] { needsBarrier = true }
            func complete(_ index: Int, _ coefficients: UnsafePointer<Float>?, _ scratch: Scratch) {
                var scratch = scratch
                let (stream, block) = blocks[index]
                let target = tokens[stream][block]
                let normed = scratch.plane(rows: layer.channels, columns: target.columns, halo: 0)
                middle[stream].apply(target, to: normed, coefficients: coefficients, kernels: kernels)
                feedForward(stream, block, normed, scratch)
                layers[stream].normOut?.add(target, to: sums[stream][index], kernels: kernels)
            }
            if needsBarrier {
                try pass.parallel(blocks.count, scratch: productScratch) { index, scratch in
                    project(blocks[index].0, blocks[index].1, scratch)
                }
                let coefficients = try tokens.indices.map { try middle[$0].prepare(tokens[$0], pass: pass) }
                try pass.parallel(blocks.count, scratch: scratchSize) { index, scratch in
                    complete(index, coefficients[blocks[index].0], scratch)
                }
                for memory in coefficients { if let memory { pass.release(memory) } }
            } else {
                try pass.parallel(blocks.count, scratch: scratchSize) { index, scratch in
                    project(blocks[index].0, blocks[index].1, scratch)
                    complete(index, nil, scratch)
                }
            }
            for stream in tokens.indices {
                guard let norm = layers[stream].normOut else { continue }
                let out = TokenNorm.group(norm)
                let coefficients = try out.coefficients(norm, sums[stream], tokens: tokens[stream].count, pass: pass)
                try pass.parallel(tokens[stream].blocks) { block, _ in
                    out.apply(
                        tokens[stream][block], to: tokens[stream][block], coefficients: coefficients, kernels: kernels)
                }
                pass.release(coefficients)
            }
        } else {
            try pass.parallel(blocks.count, scratch: productScratch) { index, scratch in
                project(blocks[index].0, blocks[index].1, scratch)
            }
            for stream in tokens.indices { try normalise(tokens[stream], layers[stream].norms[0], pass) }
            try pass.parallel(blocks.count, scratch: scratchSize) { index, scratch in
                let (stream, block) = blocks[index]
                feedForward(stream, block, tokens[stream][block], scratch)
            }
            for stream in tokens.indices { try normalise(tokens[stream], layers[stream].norms[1], pass) }
        }
    }

    private func normalise(_ tokens: Tokens, _ norm: TokenNorm, _ pass: Pass) throws {
        let coefficients = try norm.prepare(tokens, pass: pass)
        try pass.parallel(tokens.blocks) { block, _ in
            norm.apply(tokens[block], to: tokens[block], coefficients: coefficients, kernels: pass.kernels)
        }
        if let coefficients { pass.release(coefficients) }
    }
}
