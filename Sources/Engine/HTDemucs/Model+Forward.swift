import Tensors

extension Model {
    /// `HTDemucs.forward`, step by step.
    func run(
        _ mix: UnsafePointer<Float>, frames: Int, length: Int, into out: UnsafeMutablePointer<Float>,
        workspace: Workspace, pass: Pass
    ) throws {
        // 1. The mix, followed by silence up to the training length, and its spectrogram.
        let wave = try pass.plane(rows: channels, columns: length)
        try pass.parallel(channels) { channel, _ in
            let row = wave.row(channel)
            row.update(from: mix + channel * frames, count: frames)
            (row + frames).update(repeating: 0, count: length - frames)
        }
        let bins = configuration.frameSize / 2
        let mixture = try pass.bands(bins, channels: 2 * channels, columns: spectrogram.frames(length))
        var spectrum = mixture
        try pass.layer("spectrogram") {
            try spectrogram.analyse(wave, to: mixture, pass: pass)
            guard !configuration.hasComplexChannels else { return }
            spectrum = try pass.bands(bins, channels: channels, columns: mixture.columns)
            try WienerFilter.takeMagnitudes(of: mixture, to: spectrum, pass: pass)
        }

        // 2. Both normalised by mean and standard deviation over everything.
        let (spectrumScale, waveScale) = try pass.layer("normalise") {
            (try normalise(spectrum.plane, pass: pass), try normalise(wave, pass: pass))
        }
        pass.observe("spectrum", spectrum.plane)

        // 3. Encoders of both branches; what they put out is kept for the decoders.
        var saved: [Bands] = []
        var savedWave: [Plane] = []
        var lengths: [Int] = []
        var x = spectrum
        var xt = wave
        for (index, encoder) in encoders.enumerated() {
            var injected: Plane?
            lengths.append(x.columns)
            if index < timeEncoders.count {
                let y = try pass.layer("tencoder.\(index)") { try timeEncoders[index].apply(xt, pass: pass) }
                if index == 0 { pass.release(xt) }
                xt = y
                pass.observe("tencoder.\(index)", xt)
                if timeEncoders[index].isEmpty { injected = xt } else { savedWave.append(xt) }
            }
            try check(encoder, x, injected: injected, layer: index)
            let y = try pass.layer("encoder.\(index)") {
                try encoder.apply(
                    x, injected: injected, embedding: index == 0 ? frequencyEmbedding : nil, pass: pass)
            }
            if index == 0 { pass.release(x.plane) }
            x = y
            pass.observe("encoder.\(index)", x.plane)
            saved.append(x)
        }

        // 4. The transformer. Its result is added to the deepest skip in place, which is the first decoder's input.
        let joined = timeEncoders.last.map(\.isEmpty) == true ? xt : nil
        try transform(x, xt, workspace: workspace, pass: pass)
        if let joined { pass.release(joined) }

        // 5. Decoders; each adds its output to the next skip in place.
        let (spectra, waves) = try decode(
            saved, savedWave, bins: bins, lengths: lengths, length: length, pass: pass)

        // 6. Magnitudes become shares of the mixture.
        let (sourceSpectra, gain, offset) =
            configuration.hasComplexChannels
            ? (spectra, Float(spectrumScale.deviation), Float(spectrumScale.mean))
            : (try filter(spectra, scale: spectrumScale, mixture: mixture, pass: pass), 1, 0)

        // 7. Back to waveforms, and the sum of both branches.
        let overlay = out
        try pass.layer("inverse spectrogram") {
            try spectrogram.synthesise(
                sourceSpectra, gain: gain, offset: offset, length: length, pass: pass
            ) { index, start, samples in
                let count = min(samples.count, frames - start)
                guard count > 0, let samples = samples.baseAddress else { return }
                let target = overlay + index * frames + start
                let wave = waves.row(index) + start
                let (gain, offset) = (Float(waveScale.deviation), Float(waveScale.mean))
                for position in 0..<count { target[position] = samples[position] + (wave[position] * gain + offset) }
            }
        }
        pass.release(sourceSpectra.plane)
        pass.release(waves)
    }

    /// The sources' spectrograms from their magnitudes and the mixture's, both of which are released.
    private func filter(
        _ magnitudes: Bands, scale: (mean: Double, deviation: Double), mixture: Bands, pass: Pass
    ) throws -> Bands {
        let filter = WienerFilter(
            iterations: configuration.wienerIterations, sources: sources.count, channels: channels)
        let out = try pass.bands(
            magnitudes.count, channels: 2 * magnitudes.channels, columns: magnitudes.columns)
        try pass.layer("wiener filter") {
            try filter.apply(
                mixture: mixture, magnitudes: magnitudes, gain: Float(scale.deviation), offset: Float(scale.mean),
                to: out, pass: pass)
        }
        pass.release(magnitudes.plane)
        pass.release(mixture.plane)
        return out
    }

    /// Both branches' decoders: spectrograms and waveforms of all sources.
    private func decode(
        _ saved: [Bands], _ savedWave: [Plane], bins: Int, lengths: [Int], length: Int, pass: Pass
    ) throws -> (Bands, Plane) {
        var saved = saved
        var savedWave = savedWave
        var lengths = lengths
        let stems = sources.count * channels
        var x = saved.removeLast()
        var xt = timeDecoders.first.map(\.isEmpty) == false ? savedWave.removeLast() : nil
        let offset = decoders.count - timeDecoders.count
        for (index, decoder) in decoders.enumerated() {
            let name = "decoder.\(index)"
            let columns = lengths.removeLast()
            var y = try pass.layer(name) { try decoder.prepare(x, pass: pass) }
            let target =
                try saved.popLast()
                ?? pass.bands(bins, channels: configuration.spectrumChannels(stems), columns: columns)
            let isLast = index == decoders.count - 1
            guard target.columns == columns, decoder.outputCount(y.count) == target.count else {
                throw ModelError.inconsistent(reason: "the output of \(name) does not fit its skip connection")
            }
            try pass.layer(name) {
                try decoder.transpose(y, onto: target, accumulates: !isLast, pass: pass)
            }
            pass.observe(name, target.plane)
            if index >= offset {
                let timeDecoder = timeDecoders[index - offset]
                let name = "tdecoder.\(index - offset)"
                var prepared: Plane?
                if timeDecoder.isEmpty {
                    guard y.count == 1 else {
                        throw ModelError.inconsistent(reason: "\(y.count) frequencies are left where \(name) starts")
                    }
                    prepared = y.plane
                } else if let wave = xt {
                    prepared = try pass.layer(name) { try timeDecoder.prepare(wave, pass: pass) }
                }
                guard let prepared else { preconditionFailure("the waveform's decoder has no input") }
                let isLast = index == decoders.count - 1
                let target = try isLast ? pass.plane(rows: stems, columns: length) : savedWave.removeLast()
                try pass.layer(name) {
                    try timeDecoder.transpose(prepared, onto: target, accumulates: !isLast, pass: pass)
                }
                pass.observe(name, target)
                if !timeDecoder.isEmpty { pass.release(prepared) }
                xt = target
            }
            pass.release(y.plane)
            y = target
            x = y
        }
        guard let xt else { preconditionFailure("no decoder ran") }
        return (x, xt)
    }

    /// Subtracts the mean and divides by the standard deviation of all values, in place.
    private func normalise(_ plane: Plane, pass: Pass) throws -> (mean: Double, deviation: Double) {
        let kernels = pass.kernels
        let pieces = Chunks(columns: plane.rows, size: max(1, (plane.rows + 63) / 64))
        let sums = PieceMoments(pieces: pieces.count)
        try pass.parallel(pieces.count) { index, _ in
            for row in pieces[index] { kernels.moments(plane.row(row), plane.columns, sums[index]) }
        }
        let total = sums.total()
        let count = Double(plane.rows * plane.columns)
        let mean = total[0] / count
        let deviation = (max(0, total[1] - count * mean * mean) / max(1, count - 1)).squareRoot()
        let scale = 1 / (1e-5 + deviation)
        try pass.parallel(pieces.count) { index, _ in
            for row in pieces[index] {
                kernels.affine(
                    plane.row(row), plane.row(row), plane.columns, Float(scale), Float(-mean * scale), MSActivationNone)
            }
        }
        return (mean, deviation)
    }

    private func check(_ encoder: Encoder, _ x: Bands, injected: Plane?, layer: Int) throws {
        guard case .frequency(let frequency) = encoder else {
            guard x.count == 1 else {
                throw ModelError.inconsistent(reason: "\(x.count) frequencies are left at layer \(layer)")
            }
            return
        }
        let count = frequency.shape.convolved(x.count)
        guard x.count + 2 * frequency.shape.padding >= frequency.shape.kernel else {
            throw ModelError.inconsistent(reason: "too few frequencies at layer \(layer)")
        }
        if let injected, injected.columns != x.columns || injected.rows != frequency.shape.outputs {
            throw ModelError.inconsistent(reason: "the branches have different lengths where they join")
        }
        if layer == 0, let frequencyEmbedding, frequencyEmbedding.count < count * frequency.shape.outputs {
            throw ModelError.inconsistent(reason: "there are more frequencies than embeddings")
        }
    }
}
