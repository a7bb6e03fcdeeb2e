import Tensors

/// An encoder layer of the spectrogram's branch: over frequencies, or over time once one frequency is left.
enum Encoder: Sendable {
    case frequency(FrequencyEncoder)
    case time(TimeEncoder)

    init(_ weights: Weights, plan: LayerPlan.Layer, configuration: Configuration) throws {
        if plan.isFrequency {
            self = .frequency(
                try FrequencyEncoder(
                    weights, shape: plan.shape, isJoined: plan.isJoined, configuration: configuration))
        } else {
            self = .time(try TimeEncoder(weights, shape: plan.shape, isEmpty: false, configuration: configuration))
        }
    }

    var shape: LayerShape {
        switch self {
        case .frequency(let layer): layer.shape
        case .time(let layer): layer.shape
        }
    }

    func apply(_ x: Bands, injected: Plane?, embedding: FloatMemory?, pass: Pass) throws -> Bands {
        switch self {
        case .frequency(let layer):
            return try layer.apply(x, injected: injected, embedding: embedding, pass: pass)
        case .time(let layer):
            let y = try layer.apply(x.plane, pass: pass)
            return Bands(plane: y, channels: y.rows)
        }
    }
}

/// A decoder layer of the spectrogram's branch.
enum Decoder: Sendable {
    case frequency(FrequencyDecoder)
    case time(TimeDecoder)

    init(_ weights: Weights, plan: LayerPlan.Layer, isLast: Bool, configuration: Configuration) throws {
        if plan.isFrequency {
            self = .frequency(
                try FrequencyDecoder(weights, shape: plan.shape, isLast: isLast, configuration: configuration))
        } else {
            self = .time(
                try TimeDecoder(
                    weights, shape: plan.shape, isEmpty: false, isLast: isLast, configuration: configuration))
        }
    }

    /// Takes the input's memory and gives what goes into the transposed convolution.
    func prepare(_ x: Bands, pass: Pass) throws -> Bands {
        switch self {
        case .frequency(let layer): return try layer.prepare(x, pass: pass)
        case .time(let layer):
            let y = try layer.prepare(x.plane, pass: pass)
            return Bands(plane: y, channels: y.rows)
        }
    }

    func transpose(_ y: Bands, onto target: Bands, accumulates: Bool, pass: Pass) throws {
        switch self {
        case .frequency(let layer): try layer.transpose(y, onto: target, accumulates: accumulates, pass: pass)
        case .time(let layer):
            try layer.transpose(y.plane, onto: target.plane, accumulates: accumulates, pass: pass)
        }
    }

    /// Frequencies of the output.
    func outputCount(_ count: Int) -> Int {
        switch self {
        case .frequency(let layer): layer.outputCount(count)
        case .time: 1
        }
    }
}
