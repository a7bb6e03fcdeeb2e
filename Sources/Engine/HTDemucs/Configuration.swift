import Checkpoints
import Untrusted

/// The constructor's arguments of a model, with the reference's defaults (source: `htdemucs.py`, `HTDemucs.__init__`).
struct Configuration: Sendable {
    var sources: [String]
    var audioChannels: Int
    var channels: Int
    var timeChannels: Int?
    var growth: Double
    var frameSize: Int
    /// Whether real and imaginary parts of the spectrogram are channels (`cac`); otherwise magnitudes are.
    var hasComplexChannels: Bool
    /// Rounds of the Wiener filter where magnitudes are the channels; with none the mixture only lends its phases.
    var wienerIterations: Int
    var depth: Int
    var hasRewrite: Bool
    var frequencyEmbedding: Double
    var embeddingScale: Double
    var kernelSize: Int
    var timeStride: Int
    var stride: Int
    var context: Int
    var encoderContext: Int
    var normStart: Int
    var normGroups: Int
    var dconvMode: Int
    var dconvDepth: Int
    var dconvCompression: Double
    var bottomChannels: Int
    var transformer: TransformerConfiguration
    var sampleRate: Int
    var segment: Seconds
    var usesTrainingSegment: Bool

    /// Reads and checks the arguments.
    ///
    /// - Throws: ``ModelError`` naming an argument that is unknown, of the wrong kind or not supported
    init(_ checkpoint: Checkpoint) throws {
        var arguments = Arguments(checkpoint.arguments)
        sources = checkpoint.sources
        audioChannels = try arguments.positive("audio_channels", 2)
        channels = try arguments.positive("channels", 48)
        timeChannels = try arguments.optionalInteger("channels_time")
        growth = try arguments.number("growth", 2)
        frameSize = try arguments.positive("nfft", 4096)
        hasComplexChannels = try arguments.flag("cac", true)
        wienerIterations = try arguments.integer("wiener_iters", 0)
        try arguments.require("end_iters", try arguments.integer("end_iters", 0) == wienerIterations)
        let hasResidual = try arguments.flag("wiener_residual", false)
        depth = try arguments.positive("depth", 4)
        hasRewrite = try arguments.flag("rewrite", true)
        try arguments.require("multi_freqs", try arguments.isEmptyOrNone("multi_freqs"))
        _ = try arguments.integer("multi_freqs_depth", 3)
        frequencyEmbedding = try arguments.number("freq_emb", 0.2)
        embeddingScale = try arguments.number("emb_scale", 10)
        _ = try arguments.flag("emb_smooth", true)
        kernelSize = try arguments.positive("kernel_size", 8)
        timeStride = try arguments.positive("time_stride", 2)
        stride = try arguments.positive("stride", 4)
        context = try arguments.natural("context", 1)
        encoderContext = try arguments.natural("context_enc", 0)
        normStart = try arguments.integer("norm_starts", 4)
        normGroups = try arguments.positive("norm_groups", 4)
        dconvMode = try arguments.integer("dconv_mode", 1)
        dconvDepth = try arguments.integer("dconv_depth", 2)
        dconvCompression = try arguments.number("dconv_comp", 8)
        _ = try arguments.number("dconv_init", 1e-3)
        bottomChannels = try arguments.natural("bottom_channels", 0)
        transformer = try TransformerConfiguration(&arguments)
        _ = try arguments.number("rescale", 0.1)
        sampleRate = try arguments.positive("samplerate", 44100)
        segment = try arguments.seconds("segment", 10)
        usesTrainingSegment = try arguments.flag("use_train_segment", true)
        try arguments.finish()

        try arguments.require("wiener_iters", hasComplexChannels || wienerIterations <= 16)
        try arguments.require("wiener_residual", hasComplexChannels || !hasResidual)
        try arguments.require("audio_channels", hasComplexChannels || audioChannels <= 2)
        try arguments.require("nfft", frameSize >= 16 && frameSize & (frameSize - 1) == 0)
        try arguments.require("depth", depth <= 16)
        try arguments.require("kernel_size", kernelSize <= 1024)
        try arguments.require("stride", stride <= kernelSize)
        try arguments.require("growth", growth > 0)
        try arguments.require("dconv_comp", dconvCompression > 0)
        try arguments.require("dconv_depth", abs(dconvDepth) <= 16)
        try arguments.require("segment", (1..<Self.longest).contains(segment.frames(rate: sampleRate)))
    }

    /// More channels than any layer has; with it, sizes of layers cannot overflow.
    static let widest = 1 << 20
    /// More frames than any segment has (a quarter of an hour at 192 kHz).
    static let longest = 1 << 28

    /// Channels of a spectrogram with `waves` audio channels.
    func spectrumChannels(_ waves: Int) -> Int { hasComplexChannels ? 2 * waves : waves }

    /// Samples between frames of the spectrogram.
    var hop: Int { frameSize / 4 }

    /// Frames that the model was trained on: int(segment * samplerate).
    var segmentFrames: Int { segment.frames(rate: sampleRate) }

    /// Zeros kept beside each row, so that convolutions over time need no special case at the ends.
    var halo: Int {
        let dilation = dconvDepth > 0 ? 1 << (dconvDepth - 1) : 1
        return max(context, encoderContext, dilation, kernelSize / stride, 2)
    }

    /// Channels between encoder and transformer: channels * growth ** (depth - 1).
    var deepestChannels: Int {
        var value = Double(channels)
        for _ in 1..<depth { value *= growth }
        return Int(clamping: value)
    }
}

/// The transformer's part of the arguments (names without the prefix `t_`).
struct TransformerConfiguration: Sendable {
    enum Embedding: String, Sendable { case sin, cape, scaled }

    var layers: Int
    var embedding: Embedding
    var hiddenScale: Double
    var heads: Int
    var maximumPositions: Int
    var normIn: Bool
    var normInGroups: Int
    var groupNorm: Int
    var normFirst: Bool
    var normOut: Int
    var maximumPeriod: Double
    var hasLayerScale: Bool
    var usesGELU: Bool
    var embeddingWeight: Double
    var normalisesCape: Bool
    var startsWithCross: Bool

    init(_ arguments: inout Arguments) throws {
        layers = try arguments.natural("t_layers", 5)
        let name = try arguments.string("t_emb", "sin")
        guard let embedding = Embedding(rawValue: name) else { throw arguments.unsupported("t_emb") }
        self.embedding = embedding
        hiddenScale = try arguments.number("t_hidden_scale", 4)
        heads = try arguments.positive("t_heads", 8)
        _ = try arguments.number("t_dropout", 0)
        maximumPositions = try arguments.positive("t_max_positions", 10000)
        normIn = try arguments.flag("t_norm_in", true)
        normInGroups = try arguments.integer("t_norm_in_group", 0)
        groupNorm = try arguments.integer("t_group_norm", 0)
        normFirst = try arguments.flag("t_norm_first", true)
        normOut = try arguments.integer("t_norm_out", 1)
        maximumPeriod = try arguments.number("t_max_period", 10000)
        _ = try arguments.number("t_weight_decay", 0)
        arguments.ignore("t_lr")
        hasLayerScale = try arguments.flag("t_layer_scale", true)
        usesGELU = try arguments.flag("t_gelu", true)
        embeddingWeight = try arguments.number("t_weight_pos_embed", 1)
        try arguments.require("t_sin_random_shift", try arguments.integer("t_sin_random_shift", 0) == 0)
        normalisesCape = try arguments.flag("t_cape_mean_normalize", true)
        for name in ["t_cape_augment", "t_cape_glob_loc_scale"] { arguments.ignore(name) }
        try arguments.require("t_sparse_self_attn", try !arguments.flag("t_sparse_self_attn", false))
        try arguments.require("t_sparse_cross_attn", try !arguments.flag("t_sparse_cross_attn", false))
        for name in [
            "t_mask_type", "t_mask_random_seed", "t_sparse_attn_window", "t_global_window", "t_sparsity",
            "t_auto_sparsity",
        ] { arguments.ignore(name) }
        startsWithCross = try arguments.flag("t_cross_first", false)
    }
}
