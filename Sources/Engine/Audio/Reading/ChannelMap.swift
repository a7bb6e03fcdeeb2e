import CFFmpeg

/// Which channels of a track are separated.
public enum ChannelSelection: Sendable, Equatable {
    /// All of them: more than the model takes are mixed down.
    case all
    /// One for all of the model's channels, or as many as it has, by number (from 1) or by name (`FC`).
    case only([String])

    /// Reads `all`, or one or two numbers or names with commas, such as `1,2` or `FC`; nil for anything else.
    public init?(_ text: String) {
        let names = text.split(separator: ",", omittingEmptySubsequences: false).map { $0.uppercased() }
        guard (1...2).contains(names.count), names.allSatisfy(Self.isName) else { return nil }
        self = names == ["ALL"] ? .all : .only(names)
    }

    private static func isName(_ name: String) -> Bool {
        if let number = Int(name) { return (1...255).contains(number) }
        return name == "ALL" || av_channel_from_string(name).rawValue >= 0
    }
}

/// How a frame's channels become the wanted ones: for each one that is kept, what is added up for it.
///
/// One channel is kept as one and repeated after the resampling; two are averaged for one, as the reference's
/// `convert_audio_channels` does it. More are mixed down by the coefficients of ITU-R BS.775 as libswresample has them: the
/// reference takes the first two instead, and then a song's voice, in the centre, is in none of the stems.
struct ChannelMap {
    /// A channel of the file and how loud it is taken.
    struct Source {
        var channel: Int
        var gain: Float
    }

    /// The sources of each kept channel; one kept channel stands for all.
    let rows: [[Source]]
    /// What was done, where the person should know.
    let note: String?

    /// The map from a stream to `wanted` channels.
    ///
    /// - Throws: ``AudioError`` where there is none, or where a selected channel does not exist.
    init(_ format: StreamFormat, to wanted: Int, selection: ChannelSelection, path: String) throws {
        let count = format.channels
        let layout = ChannelLayout(format)
        if case .only(let names) = selection {
            let chosen = try names.map { name in
                guard let channel = layout.channel(name) else {
                    throw AudioError.noSuchChannel(path: path, channel: name, present: layout.description)
                }
                return [Source(channel: channel, gain: 1)]
            }
            rows = chosen.count == 1 || chosen.count == wanted ? chosen : Self.mean(of: chosen)
            note = nil
        } else if count == wanted || count == 1 {
            rows = (0..<count).map { [Source(channel: $0, gain: 1)] }
            note = nil
        } else if count < wanted {
            throw AudioError.tooFewChannels(path: path, channels: count, wanted: wanted)
        } else if wanted > 2 {
            rows = (0..<wanted).map { [Source(channel: $0, gain: 1)] }
            note = "The track has \(count) channels (\(layout)); the first \(wanted) were taken."
        } else if count == 2 {
            rows = Self.mean(of: (0..<2).map { [Source(channel: $0, gain: 1)] })
            note = nil
        } else if let mixed = layout.stereo() {
            rows = wanted == 1 ? Self.mean(of: mixed) : mixed
            note =
                "The track has \(count) channels (\(layout)); they were mixed down to stereo by the standard coefficients"
                + (layout.channel("LFE") == nil ? "." : ", without the low-frequency effects channel.")
        } else {
            rows = Self.mean(of: (0..<count).map { [Source(channel: $0, gain: 1)] })
            note = "The track has \(count) channels whose places are not known; their mean was taken."
        }
    }

    private static func mean(of rows: [[Source]]) -> [[Source]] {
        [rows.flatMap { $0 }.map { Source(channel: $0.channel, gain: $0.gain / Float(rows.count)) }]
    }
}

/// The loudspeakers of a stream's channels, as FFmpeg names them.
private final class ChannelLayout: CustomStringConvertible {
    private var layout = AVChannelLayout()

    /// The stream's layout; what is usual for so many channels where it does not say.
    init(_ format: StreamFormat) {
        if format.speakers == 0 || av_channel_layout_from_mask(&layout, format.speakers) < 0 {
            av_channel_layout_default(&layout, Int32(format.channels))
        }
    }

    deinit { av_channel_layout_uninit(&layout) }

    var description: String {
        var text = [CChar](repeating: 0, count: 128)
        guard av_channel_layout_describe(&layout, &text, text.count) > 0 else { return "unknown" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The place of the channel with this name or number (from 1).
    func channel(_ name: String) -> Int? {
        if let number = Int(name) { return (1...Int(layout.nb_channels)).contains(number) ? number - 1 : nil }
        let index = av_channel_layout_index_from_string(&layout, name)
        return index >= 0 ? Int(index) : nil
    }

    /// What goes to the left and to the right; nil where libswresample knows no way.
    func stereo() -> [[ChannelMap.Source]]? {
        let count = Int(layout.nb_channels)
        var stereo = AVChannelLayout()
        av_channel_layout_default(&stereo, 2)
        var matrix = [Double](repeating: 0, count: 2 * count)
        let level = 0.5.squareRoot()
        // No normalisation: floats have room above full scale, and what clips in the end is told and dealt with there.
        let code = swr_build_matrix2(
            &layout, &stereo, level, level, 0, Double(Int32.max), 1, &matrix, count, AV_MATRIX_ENCODING_NONE, nil)
        guard layout.order == AV_CHANNEL_ORDER_NATIVE, code >= 0 else { return nil }
        return (0..<2).map { side in
            (0..<count).compactMap { channel in
                let gain = matrix[side * count + channel]
                return gain == 0 ? nil : ChannelMap.Source(channel: channel, gain: Float(gain))
            }
        }
    }
}
