import Checkpoints
public import Tensors

/// A trained HTDemucs: its weights, held once, and the forward pass (source: `htdemucs.py`, `HTDemucs`).
///
/// Immutable; passes with different workspaces may run at the same time.
public final class Model: Sendable {
    let configuration: Configuration
    let spectrogram: Spectrogram
    let encoders: [Encoder]
    let timeEncoders: [TimeEncoder]
    let decoders: [Decoder]
    let timeDecoders: [TimeDecoder]
    /// freq_emb · emb_scale · weight, for each (frequency, channel) after the first layer.
    let frequencyEmbedding: FloatMemory?
    let bottleneck: Bottleneck?
    let transformer: CrossTransformer?
    private let pool: ThreadPool

    /// Names of the sources, in the order of the output.
    public var sources: [String] { configuration.sources }
    /// Samples a second of mix and stems.
    public var sampleRate: Int { configuration.sampleRate }
    /// Audio channels of mix and stems.
    public var channels: Int { configuration.audioChannels }
    /// Length of the segments that the model was trained on, in seconds.
    public var segment: Double { configuration.segment.value }
    /// The same in frames.
    public var segmentFrames: Int { configuration.segmentFrames }
    /// The kernels in use.
    public let kernels: Kernels

    /// Builds the model from a checkpoint, whose tensors it takes.
    ///
    /// - Parameters:
    ///   - checkpoint: arguments and weights
    ///   - pool: the threads that share the work of every pass
    ///   - kernels: the instruction set to use
    /// - Throws: ``ModelError`` naming an argument that is not supported; `CheckpointError` naming a tensor that is
    ///   missing, has another shape or is not used
    public init(_ checkpoint: Checkpoint, pool: ThreadPool, kernels: Kernels = .best) throws {
        let configuration = try Configuration(checkpoint)
        self.configuration = configuration
        self.pool = pool
        self.kernels = kernels
        let weights = Weights(checkpoint.tensors, kernels: kernels)
        let plan = try LayerPlan(configuration)
        let parts = try Part.all(weights, plan: plan, configuration: configuration, pool: pool)
        encoders = parts.compactMap { if case .encoder(let layer) = $0 { layer } else { nil } }
        timeEncoders = parts.compactMap { if case .timeEncoder(let layer) = $0 { layer } else { nil } }
        decoders = parts.compactMap { if case .decoder(let layer) = $0 { layer } else { nil } }
        timeDecoders = parts.compactMap { if case .timeDecoder(let layer) = $0 { layer } else { nil } }
        if configuration.frequencyEmbedding != 0 {
            let factor = Float(configuration.frequencyEmbedding) * Float(configuration.embeddingScale)
            let table = try weights["freq_emb"]["embedding"]
                .take("weight", [plan.embeddingCount, plan.encoders[0].shape.outputs])
            frequencyEmbedding = FloatMemory(table.map { $0 * factor })
        } else {
            frequencyEmbedding = nil
        }
        bottleneck = try configuration.bottomChannels > 0 ? Bottleneck(weights, configuration: configuration) : nil
        let width = configuration.bottomChannels > 0 ? configuration.bottomChannels : configuration.deepestChannels
        transformer =
            try configuration.transformer.layers > 0
            ? CrossTransformer(
                weights["crosstransformer"], channels: width, configuration: configuration.transformer, pool: pool)
            : nil
        spectrogram = Spectrogram(frameSize: configuration.frameSize)
        try checkpoint.tensors.assertEmpty()
        _ = try memoryNeeded(frames: configuration.usesTrainingSegment ? segmentFrames : 4 * configuration.hop)
    }

    /// The length at which the model works for a mix of `length` frames (source: `HTDemucs.valid_length`).
    ///
    /// - Throws: ``ModelError/tooLong(frames:limit:)`` when the mix is longer than the segment it was trained on
    public func validFrames(for length: Int) throws -> Int {
        guard configuration.usesTrainingSegment else { return length }
        guard length <= segmentFrames else { throw ModelError.tooLong(frames: length, limit: segmentFrames) }
        return segmentFrames
    }

    /// Separates a mix. Blocks the calling thread, which takes part in the work.
    ///
    /// - Parameters:
    ///   - mix: [channels][frames], one channel after the other
    ///   - frames: length of the mix; below ``validFrames(for:)`` it is followed by silence
    ///   - out: [sources][channels][frames]
    ///   - workspace: memory to work in, and perhaps threads of its own; not to be used by another pass at the same time
    /// - Throws: ``ModelError`` for a wrong length; `ArenaError` when the system has no memory
    public func forward(
        mix: UnsafeBufferPointer<Float>, frames: Int, into out: UnsafeMutableBufferPointer<Float>, workspace: Workspace
    ) throws {
        guard frames > 0 else { throw ModelError.empty }
        guard mix.count >= channels * frames, let input = mix.baseAddress else {
            throw ModelError.bufferSize(needed: channels * frames, found: mix.count)
        }
        guard out.count >= sources.count * channels * frames, let output = out.baseAddress else {
            throw ModelError.bufferSize(needed: sources.count * channels * frames, found: out.count)
        }
        let length = try validFrames(for: frames)
        let pool = workspace.pool ?? pool
        let arena = try workspace.arena(bytes: arenaCapacity(length, threads: pool.threads))
        let pass = Pass(
            kernels: kernels, pool: pool, arena: arena, halo: configuration.halo, isPlan: false,
            profile: workspace.profile,
            observer: workspace.observer)
        try run(input, frames: frames, length: length, into: output, workspace: workspace, pass: pass)
    }

    /// Bytes of memory that a pass over `frames` frames writes to, beyond the weights.
    ///
    /// - Parameter threads: how many threads share the pass; nil for those of the model's pool
    /// - Throws: ``ModelError`` when the model cannot run at that length
    public func memoryNeeded(frames: Int, threads: Int? = nil) throws -> Int {
        try plan(frames: frames, threads: threads).bytes
    }

    /// Floating-point operations of a pass over `frames` frames, as the definitions of its layers count them.
    ///
    /// - Throws: ``ModelError`` when the model cannot run at that length
    public func operations(frames: Int) throws -> Double { try plan(frames: frames, threads: 1).operations }

    /// What a pass takes, found by running it without computing.
    private func plan(frames: Int, threads: Int?) throws -> (bytes: Int, operations: Double) {
        let length = try validFrames(for: frames)
        let threads = threads ?? pool.threads
        let arena = try Arena(capacity: arenaCapacity(length, threads: threads))
        let pass = Pass(
            kernels: kernels, pool: pool, arena: arena, halo: configuration.halo, isPlan: true, threads: threads)
        let workspace = Workspace()
        var nothing: Float = 0
        try withUnsafeMutablePointer(to: &nothing) {
            try run($0, frames: frames, length: length, into: $0, workspace: workspace, pass: pass)
        }
        return (arena.peak + workspace.tableBytes, pass.operations)
    }

    /// Address space for a pass: far more than it uses, since only what is written becomes memory.
    private func arenaCapacity(_ length: Int, threads: Int) -> Int {
        let widest = encoders.map { $0.shape.outputs * 2 + $0.shape.inputs }.max() ?? 1
        let spectrum = 64 * (length + 16 * configuration.frameSize) * (widest + configuration.channels)
        return 4 * spectrum / 8 + threads * (64 << 20) + (256 << 20)
    }
}

/// A layer of one of the four stacks. Layers are built side by side, since most of what loading takes is the packing of weights.
private enum Part {
    case encoder(Encoder), timeEncoder(TimeEncoder), decoder(Decoder), timeDecoder(TimeDecoder)

    /// All layers, each stack in its order.
    static func all(
        _ weights: Weights, plan: LayerPlan, configuration: Configuration, pool: ThreadPool
    ) throws -> [Part] {
        // The deepest layers have the most weights, so they come first and the last ones are short.
        var builders: [() throws -> Part] = []
        for (index, layer) in plan.decoders.enumerated() {
            builders.append {
                .decoder(
                    try Decoder(
                        weights["decoder"][index], plan: layer, isLast: index == configuration.depth - 1,
                        configuration: configuration))
            }
        }
        for (index, layer) in plan.encoders.enumerated() {
            builders.append {
                .encoder(try Encoder(weights["encoder"][index], plan: layer, configuration: configuration))
            }
        }
        for (index, layer) in plan.timeDecoders.enumerated() {
            builders.append {
                .timeDecoder(
                    try TimeDecoder(
                        weights["tdecoder"][index], shape: layer.shape, isEmpty: layer.isEmpty,
                        isLast: index == plan.timeDecoders.count - 1, configuration: configuration))
            }
        }
        for (index, layer) in plan.timeEncoders.enumerated() {
            builders.append {
                .timeEncoder(
                    try TimeEncoder(
                        weights["tencoder"][index], shape: layer.shape, isEmpty: layer.isEmpty,
                        configuration: configuration))
            }
        }
        return try pool.map(builders.count) { try builders[$0]() }
    }
}
