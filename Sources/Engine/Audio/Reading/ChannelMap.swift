/// How a frame's channels become the wanted ones; the reference's `convert_audio_channels`.
enum ChannelMap {
    /// As they are, or the first few of many.
    case first(Int)
    /// One channel, repeated.
    case duplicate
    /// The mean of all.
    case mean

    /// The map from `channels` to `wanted`, or nil where the reference has none (2 to 6, say).
    init?(from channels: Int, to wanted: Int) {
        if channels == wanted {
            self = .first(wanted)
        } else if wanted == 1 {
            self = .mean
        } else if channels == 1 {
            self = .duplicate
        } else if channels > wanted {
            self = .first(wanted)
        } else {
            return nil
        }
    }

    /// Channels that have to be resampled: a mono file's only channel is repeated after that.
    func keptChannels() -> Int {
        switch self {
        case .first(let count): count
        case .duplicate, .mean: 1
        }
    }
}
