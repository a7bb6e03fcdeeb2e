import CFFmpeg
import Foundation

/// The audio of whatever container libavformat opens (``MediaInput``), decoded by libavcodec, as floats.
///
/// Of several audio streams the one that is marked as the default is read, else the one with the most channels; pictures,
/// covers and subtitles are passed over. Delay and padding of the encoder are trimmed where the container states them.
final class MediaSource: SampleSource {
    private let path: String
    private let input: MediaInput
    private let stream: UnsafeMutablePointer<AVStream>
    private var decoder: UnsafeMutablePointer<AVCodecContext>?
    private var packet: UnsafeMutablePointer<AVPacket>?
    private var frame: UnsafeMutablePointer<AVFrame>?
    private var converter: Converter?
    private var isFlushing = false
    private var decodedFrames = 0
    private var sampleRate = 0
    private var packets = 0
    private let packetLimit: Int
    private var failures = 0
    private var failedInARow = 0
    private var firstFailure: Double?
    private var lastFailurePlace = 0
    private var pendingSilence = 0
    private var holdsFrame = false
    /// The frame that was gone to, until it is known how far before it decoding began.
    private var wantedFrame: Int?
    private var framesToDrop = 0
    private var hasEnded = false
    private var endWarning: String?
    private let choice: String?

    /// Opens the container in `range` of the file, with `prefix` before it.
    ///
    /// - Throws: ``AudioError`` with a sentence: what it is instead of audio, or why it cannot be decoded.
    init(_ file: FileWindow, in range: Range<Int>, prefix: [UInt8] = []) throws {
        path = file.path
        input = try MediaInput(file, in: range, prefix: prefix)
        packetLimit = range.count + 65536
        let chosen = try Self.choose(input, path: path)
        (stream, choice) = (chosen.stream, chosen.note)
        for other in input.streams where other != stream { other.pointee.discard = AVDISCARD_ALL }
        // From here on every stored property has its value, so that `deinit` cleans up after a failure.
        decoder = avcodec_alloc_context3(chosen.decoder)
        packet = av_packet_alloc()
        frame = av_frame_alloc()
        try open(chosen.decoder)
    }

    deinit {
        avcodec_free_context(&decoder)
        av_packet_free(&packet)
        av_frame_free(&frame)
    }

    /// The codec's name, such as `flac`.
    var codecName: String { String(cString: avcodec_get_name(stream.pointee.codecpar.pointee.codec_id)) }

    var warnings: [String] {
        var warnings = [choice].compactMap { $0 }
        if let firstFailure {
            let places = failures == 1 ? "1 damaged place" : "\(failures) damaged places"
            warnings.append(
                "The file has \(places), \(failures == 1 ? "" : "the first ")at \(clock(firstFailure)); "
                    + "the audio may be silent, click or be shorter there.")
        }
        return warnings + [endWarning].compactMap { $0 }
    }

    var depth: SampleDepth? {
        let parameters = stream.pointee.codecpar.pointee
        let raw = Int(parameters.bits_per_raw_sample)
        let bits = raw > 0 ? raw : Int(av_get_exact_bits_per_sample(parameters.codec_id))
        return bits <= 0 ? nil : bits <= 16 ? .int16 : bits <= 24 ? .int24 : .float32
    }

    func next() throws -> SampleBlock? {
        while true {
            if holdsFrame {
                if pendingSilence > 0 { return try silence() }
                holdsFrame = false
                if let block = try convert() { return block }
                continue
            }
            guard let decoder, let frame, !hasEnded else { return nil }
            switch avcodec_receive_frame(decoder, frame) {
            case 0:
                failedInARow = 0
                holdsFrame = frame.pointee.nb_samples > 0
                try notePlace(of: frame)
            case -EAGAIN:
                try feed()
            case ffmpeg_end_of_file():
                try finish()
                return nil
            default:
                try fail()
            }
        }
    }

    /// Gives the decoder the next packet of the chosen stream, or the end.
    private func feed() throws {
        guard let packet, let decoder else { return }
        let code = isFlushing ? ffmpeg_end_of_file() : av_read_frame(input.context, packet)
        packets += 1
        guard code >= 0, packets < packetLimit else {
            if code < 0, code != ffmpeg_end_of_file(), packets < packetLimit, failedInARow < 100 { return try fail() }
            isFlushing = true
            avcodec_send_packet(decoder, nil)
            return
        }
        defer { av_packet_unref(packet) }
        guard packet.pointee.stream_index == stream.pointee.index else { return }
        let sent = avcodec_send_packet(decoder, packet)
        if sent < 0, sent != -EAGAIN, sent != ffmpeg_end_of_file() { try fail() }
    }

    /// Notes a place that could not be decoded; after many in a row the file is taken to end there.
    private func fail() throws {
        if failedInARow == 0 {
            failures += 1
            lastFailurePlace = decodedFrames
            if firstFailure == nil { firstFailure = seconds(decodedFrames) }
        }
        failedInARow += 1
        if failedInARow >= 1000 { try finish() }
    }

    private func finish() throws {
        guard !hasEnded else { return }
        hasEnded = true
        guard decodedFrames > 0 else {
            if failures > 0 {
                throw AudioError.undecodable(path: path, reason: "nothing in its \(codecName) stream can be decoded")
            }
            return
        }
        if input.wasRunaway {
            endWarning = "The file leads around in circles; reading ended after \(clock(seconds(decodedFrames)))."
            return
        }
        let endsInFailure = failures > 0 && lastFailurePlace == decodedFrames
        if endsInFailure {
            failures -= 1
            if failures == 0 { firstFailure = nil }
        }
        let index = Int(stream.pointee.index)
        let stated = input.statedDurations.indices.contains(index) ? input.statedDurations[index] : 0
        let announced =
            Double(stated) * Double(stream.pointee.time_base.num) / Double(max(1, stream.pointee.time_base.den))
        // Padding and priming blur what formats with longer blocks state.
        let isExact = statesExactLength
        let tolerance = isExact ? 0.001 : 0.5
        if announced - seconds(decodedFrames) > tolerance, announced < 1e9 {
            endWarning =
                "The file is truncated or damaged: it announces \(clock(announced)) of audio and ends after "
                + "\(clock(seconds(decodedFrames)))."
        } else if endsInFailure {
            endWarning = "The file is damaged or cut off at its end, after \(clock(seconds(decodedFrames)))."
        }
    }

    private func seconds(_ frames: Int) -> Double { Double(frames) / Double(max(1, sampleRate)) }

    private var statesExactLength: Bool {
        let codec = stream.pointee.codecpar.pointee.codec_id
        return [AV_CODEC_ID_FLAC, AV_CODEC_ID_TTA, AV_CODEC_ID_WAVPACK].contains(codec)
            || av_get_exact_bits_per_sample(codec) > 0
    }
}

// MARK: - Choice of a stream

extension MediaSource {
    private typealias Choice = (
        stream: UnsafeMutablePointer<AVStream>, decoder: UnsafePointer<AVCodec>, note: String?
    )

    private static func choose(_ input: MediaInput, path: String) throws -> Choice {
        let audio = input.streams.filter { $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_AUDIO }
        guard !audio.isEmpty else {
            let hasVideo = input.streams.contains {
                $0.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
                    && $0.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC == 0
            }
            throw AudioError.notAudio(
                path: path,
                looksLike: hasVideo
                    ? "a video without sound (\(input.formatName))" : "a \(input.formatName) file without sound")
        }
        let readable = audio.compactMap { stream in Self.decoder(for: stream).map { (stream, $0) } }
        guard
            let (stream, decoder) = readable.enumerated().max(by: { a, b in
                rank(a.element.0, -a.offset) < rank(b.element.0, -b.offset)
            })?.element
        else {
            let parameters = audio[0].pointee.codecpar.pointee
            // “drms”, “dcad”
            let isEncrypted = parameters.codec_tag == 0x736d_7264 || parameters.codec_tag == 0x6461_6364
            let name = String(cString: avcodec_get_name(parameters.codec_id))
            throw AudioError.unsupported(
                path: path,
                format: isEncrypted ? "encrypted against copying" : "a \(input.formatName) file with \(name) audio")
        }
        guard audio.count > 1, let place = audio.firstIndex(of: stream) else { return (stream, decoder, nil) }
        let language = av_dict_get(stream.pointee.metadata, "language", nil, 0).flatMap { $0.pointee.value }.map {
            String(cString: $0)
        }
        let isDefault = stream.pointee.disposition & AV_DISPOSITION_DEFAULT != 0
        let note =
            "The file has \(audio.count) audio streams; number \(place + 1)\(language.map { " (\($0.prefix(16)))" } ?? "")"
            + " was read\(isDefault ? ", the default one" : "")."
        return (stream, decoder, note)
    }

    /// Default streams first, then those with more channels, then the earlier ones.
    private static func rank(_ stream: UnsafeMutablePointer<AVStream>, _ order: Int) -> (Int, Int, Int) {
        (
            stream.pointee.disposition & AV_DISPOSITION_DEFAULT != 0 ? 1 : 0,
            Int(stream.pointee.codecpar.pointee.ch_layout.nb_channels), order
        )
    }

    /// A decoder that is allowed for the stream.
    private static func decoder(for stream: UnsafeMutablePointer<AVStream>) -> UnsafePointer<AVCodec>? {
        guard let decoder = avcodec_find_decoder(stream.pointee.codecpar.pointee.codec_id) else { return nil }
        return allowed.contains(String(cString: decoder.pointee.name)) ? decoder : nil
    }

    private static let allowed = Set(MediaFormats.codecs.split(separator: ",").map(String.init))

    private func open(_ codec: UnsafePointer<AVCodec>) throws {
        guard let decoder, frame != nil, packet != nil,
            avcodec_parameters_to_context(decoder, stream.pointee.codecpar) >= 0
        else { throw AudioError.undecodable(path: path, reason: "there is no memory for it") }
        decoder.pointee.pkt_timebase = stream.pointee.time_base
        decoder.pointee.thread_count = 1
        // A FLAC block whose checksum is wrong is noise: it is left out instead.
        if codec.pointee.id == AV_CODEC_ID_FLAC { decoder.pointee.err_recognition |= AV_EF_CRCCHECK | AV_EF_EXPLODE }
        let code = avcodec_open2(decoder, codec, nil)
        guard code >= 0 else {
            let reason = MediaInput.reason(code, else: "its parameters make no sense")
            throw AudioError.undecodable(path: path, reason: "its \(codecName) stream cannot be opened: \(reason)")
        }
    }
}

// MARK: - Samples

extension MediaSource {
    /// Counts a new frame, and finds out what is missing before it: FLAC says of every block where it belongs.
    private func notePlace(of frame: UnsafeMutablePointer<AVFrame>) throws {
        guard holdsFrame else { return }
        sampleRate = Int(frame.pointee.sample_rate)
        let (base, stamp) = (stream.pointee.time_base, frame.pointee.pts)
        if let wanted = wantedFrame {
            wantedFrame = nil
            let place = Int(av_rescale_q(stamp, base, AVRational(num: 1, den: Int32(sampleRate))))
            guard stamp != Int64.min, place <= wanted else {
                throw AudioError.undecodable(path: path, reason: "its blocks do not say where they belong")
            }
            (decodedFrames, framesToDrop) = (place, wanted - place)
        }
        if failures > 0, stream.pointee.codecpar.pointee.codec_id == AV_CODEC_ID_FLAC, stamp != Int64.min,
            sampleRate > 0
        {
            let place = av_rescale_q(stamp, base, AVRational(num: 1, den: Int32(sampleRate)))
            let gap = Int(place) - decodedFrames
            if gap > 0, gap <= 10 * sampleRate { pendingSilence = gap }
        }
        decodedFrames += Int(frame.pointee.nb_samples) + pendingSilence
    }

    /// The frame as floats; nil where all of it lies before what is wanted.
    private func convert() throws -> SampleBlock? {
        guard let frame else { return nil }
        let block = try converter(for: frame).convert(frame)
        guard framesToDrop > 0 else { return block }
        let dropped = min(framesToDrop, block.frames)
        framesToDrop -= dropped
        guard dropped < block.frames else { return nil }
        return SampleBlock(
            samples: UnsafeBufferPointer(rebasing: block.samples[(dropped * block.format.channels)...]),
            format: block.format)
    }

    func seek(to frame: Int, rate: Int) throws -> Bool {
        let parameters = stream.pointee.codecpar.pointee
        guard statesExactLength, Int(parameters.sample_rate) == rate else { return false }
        let time = av_rescale_q(Int64(frame), AVRational(num: 1, den: parameters.sample_rate), stream.pointee.time_base)
        guard av_seek_frame(input.context, stream.pointee.index, time, AVSEEK_FLAG_BACKWARD) >= 0 else { return false }
        avcodec_flush_buffers(decoder)
        wantedFrame = frame
        return true
    }

    /// Some of the silence in place of what is lost.
    private func silence() throws -> SampleBlock? {
        guard let frame else { return nil }
        let converter = try converter(for: frame)
        let block = converter.silence(pendingSilence)
        pendingSilence -= block.frames
        return block
    }

    private func converter(for frame: UnsafeMutablePointer<AVFrame>) throws -> Converter {
        if let converter, converter.fits(frame) { return converter }
        guard let converter = Converter(frame) else {
            throw AudioError.undecodable(path: path, reason: "its samples have no known form")
        }
        self.converter = converter
        return converter
    }
}

/// Frames of one form to interleaved floats.
private final class Converter {
    private let sampleFormat: Int32
    private let format: StreamFormat
    private var swr: OpaquePointer?
    private var samples = UnsafeMutableBufferPointer<Float>.allocate(capacity: 0)

    init?(_ frame: UnsafeMutablePointer<AVFrame>) {
        sampleFormat = frame.pointee.format
        format = Self.streamFormat(frame)
        // The channels stay as they are, so their places do not matter here.
        var layout = AVChannelLayout()
        layout.order = AV_CHANNEL_ORDER_UNSPEC
        layout.nb_channels = Int32(format.channels)
        var same = layout
        guard format.sampleRate > 0, (1...64).contains(format.channels),
            swr_alloc_set_opts2(
                &swr, &layout, AV_SAMPLE_FMT_FLT, frame.pointee.sample_rate, &same,
                AVSampleFormat(rawValue: sampleFormat), frame.pointee.sample_rate, 0, nil) >= 0, swr_init(swr) >= 0
        else {
            swr_free(&swr)
            return nil
        }
    }

    deinit {
        swr_free(&swr)
        samples.deallocate()
    }

    func fits(_ frame: UnsafeMutablePointer<AVFrame>) -> Bool {
        frame.pointee.format == sampleFormat && Self.streamFormat(frame) == format
    }

    func convert(_ frame: UnsafeMutablePointer<AVFrame>) -> SampleBlock {
        let frames = Int(frame.pointee.nb_samples)
        grow(frames * format.channels)
        var output = UnsafeMutableRawPointer(samples.baseAddress)?.assumingMemoryBound(to: UInt8.self)
        let count = frame.pointee.extended_data.withMemoryRebound(
            to: UnsafePointer<UInt8>?.self, capacity: format.channels
        ) { swr_convert(swr, &output, Int32(frames), $0, Int32(frames)) }
        return block(max(0, Int(count)))
    }

    func silence(_ frames: Int) -> SampleBlock {
        let frames = min(frames, 4096)
        grow(frames * format.channels)
        samples[..<(frames * format.channels)].update(repeating: 0)
        return block(frames)
    }

    private func grow(_ count: Int) {
        guard samples.count < count else { return }
        samples.deallocate()
        samples = .allocate(capacity: count)
    }

    private func block(_ frames: Int) -> SampleBlock {
        SampleBlock(samples: UnsafeBufferPointer(rebasing: samples[..<(frames * format.channels)]), format: format)
    }

    private static func streamFormat(_ frame: UnsafeMutablePointer<AVFrame>) -> StreamFormat {
        let layout = frame.pointee.ch_layout
        return StreamFormat(
            sampleRate: Int(frame.pointee.sample_rate), channels: Int(layout.nb_channels),
            speakers: layout.order == AV_CHANNEL_ORDER_NATIVE ? layout.u.mask : 0)
    }
}
