import CFFmpeg

/// One track: an encoder, and what it has made and not written yet.
final class MediaTrack {
    private let path: String
    private let channels: Int
    private let quantisation: Quantisation
    private let bits: Int
    private let stream: UnsafeMutablePointer<AVStream>
    private var codec: UnsafeMutablePointer<AVCodecContext>?
    private var frame: UnsafeMutablePointer<AVFrame>?
    private var filled = 0
    private var time: Int64 = 0
    private var packets: [UnsafeMutablePointer<AVPacket>] = []

    init(
        in context: UnsafeMutablePointer<AVFormatContext>, name: String?, codec codecName: String, format: AudioFormat,
        sampleRate: Int, channels: Int, quantisation: Quantisation, path: String
    ) throws {
        self.path = path
        self.channels = channels
        self.quantisation = quantisation
        bits = if case .flac(let bits) = format { bits } else { 16 }
        guard let encoder = avcodec_find_encoder_by_name(codecName), let stream = avformat_new_stream(context, nil),
            let codec = avcodec_alloc_context3(encoder), let frame = av_frame_alloc()
        else { throw AudioError.cannotWrite(path: path, reason: "libavcodec has no encoder \(codecName) here") }
        self.stream = stream
        self.codec = codec
        self.frame = frame
        if case .mp3 = format, channels > 2 {
            throw AudioError.invalidFormat("An MP3 has one or two channels, not \(channels); choose WAV or FLAC.")
        }
        codec.pointee.sample_rate = Int32(sampleRate)
        codec.pointee.time_base = AVRational(num: 1, den: Int32(sampleRate))
        av_channel_layout_default(&codec.pointee.ch_layout, Int32(channels))
        codec.pointee.sample_fmt = encoder.pointee.sample_fmts?.pointee ?? AV_SAMPLE_FMT_FLTP
        codec.pointee.thread_count = 1
        codec.pointee.flags |= ffmpeg_bit_exact()
        if context.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0 {
            codec.pointee.flags |= ffmpeg_global_header()
        }
        switch format {
        case .mp3(let bitrate, let preset):
            codec.pointee.sample_fmt = AV_SAMPLE_FMT_S16P
            codec.pointee.bit_rate = Int64(bitrate * 1000)
            codec.pointee.compression_level = Int32(preset)
        case .m4a(let bitrate), .stemFile(let bitrate): codec.pointee.bit_rate = Int64(bitrate * 1000)
        case .opus(let bitrate):
            codec.pointee.sample_fmt = AV_SAMPLE_FMT_FLT
            codec.pointee.bit_rate = Int64(min(bitrate, 256 * channels) * 1000)
        case .vorbis(let bitrate):
            // By its quality, which is there at every sample rate.
            codec.pointee.flags |= ffmpeg_constant_quality()
            codec.pointee.global_quality = Int32(118 * Self.vorbisQuality(bitrate))
        case .flac, .wav16, .wav24, .float32:
            codec.pointee.sample_fmt = bits > 16 ? AV_SAMPLE_FMT_S32 : AV_SAMPLE_FMT_S16
            codec.pointee.bits_per_raw_sample = Int32(bits)
        }
        guard avcodec_open2(codec, encoder, nil) >= 0,
            avcodec_parameters_from_context(stream.pointee.codecpar, codec) >= 0
        else {
            throw AudioError.invalidFormat(
                "There is no \(format.name.rawValue) of \(channels) channels at \(sampleRate) Hz with these parameters."
            )
        }
        stream.pointee.time_base = codec.pointee.time_base
        if let name {
            av_dict_set(&stream.pointee.metadata, "handler_name", name, 0)
            av_dict_set(&stream.pointee.metadata, "title", name, 0)
        }
        // Players take the first track of several by themselves.
        stream.pointee.disposition = stream.pointee.index == 0 ? AV_DISPOSITION_DEFAULT : 0
        frame.pointee.format = codec.pointee.sample_fmt.rawValue
        frame.pointee.sample_rate = codec.pointee.sample_rate
        frame.pointee.nb_samples = codec.pointee.frame_size > 0 ? codec.pointee.frame_size : 4096
        guard av_channel_layout_copy(&frame.pointee.ch_layout, &codec.pointee.ch_layout) >= 0,
            av_frame_get_buffer(frame, 0) >= 0
        else { throw AudioError.cannotWrite(path: path, reason: "there is no memory for it") }
        capacity = Int(frame.pointee.nb_samples)
    }

    private var capacity = 0

    deinit {
        avcodec_free_context(&codec)
        av_frame_free(&frame)
        for packet in packets {
            var packet: UnsafeMutablePointer<AVPacket>? = packet
            av_packet_free(&packet)
        }
    }

    /// When the first packet that waits begins, in seconds.
    var firstTime: Double? {
        packets.first.map {
            Double($0.pointee.dts) * Double(stream.pointee.time_base.num) / Double(stream.pointee.time_base.den)
        }
    }

    func takeFirst() -> UnsafeMutablePointer<AVPacket>? { packets.isEmpty ? nil : packets.removeFirst() }

    func encode(_ samples: UnsafeBufferPointer<Float>) throws {
        var position = 0
        let frames = samples.count / channels
        while position < frames {
            let count = min(frames - position, capacity - filled)
            fill(UnsafeBufferPointer(rebasing: samples[(position * channels)..<((position + count) * channels)]))
            position += count
            filled += count
            if filled == capacity { try send() }
        }
    }

    func end() throws {
        if filled > 0 { try send() }
        try receive(after: avcodec_send_frame(codec, nil))
    }

    private func send() throws {
        guard let frame else { return }
        frame.pointee.nb_samples = Int32(filled)
        frame.pointee.pts = time
        time += Int64(filled)
        filled = 0
        try receive(after: avcodec_send_frame(codec, frame))
        frame.pointee.nb_samples = Int32(capacity)
        guard av_frame_make_writable(frame) >= 0 else {
            throw AudioError.cannotWrite(path: path, reason: "there is no memory for it")
        }
    }

    private func receive(after sent: Int32) throws {
        guard sent >= 0, let codec else {
            throw AudioError.cannotWrite(path: path, reason: MediaInput.reason(sent, else: "the encoder failed"))
        }
        while true {
            guard let packet = av_packet_alloc() else {
                throw AudioError.cannotWrite(path: path, reason: "there is no memory for it")
            }
            let code = avcodec_receive_packet(codec, packet)
            guard code >= 0 else {
                var packet: UnsafeMutablePointer<AVPacket>? = packet
                av_packet_free(&packet)
                if code == -EAGAIN || code == ffmpeg_end_of_file() { return }
                throw AudioError.cannotWrite(path: path, reason: MediaInput.reason(code, else: "the encoder failed"))
            }
            av_packet_rescale_ts(packet, codec.pointee.time_base, stream.pointee.time_base)
            packet.pointee.stream_index = stream.pointee.index
            packets.append(packet)
        }
    }

    /// Copies frames behind those that are in the encoder's frame already, in its form.
    private func fill(_ samples: UnsafeBufferPointer<Float>) {
        guard let frame, let planes = frame.pointee.extended_data else { return }
        let frames = samples.count / channels
        func each<Sample>(_ planar: Bool, _ convert: (Float) -> Sample) {
            for channel in 0..<channels {
                guard let plane = planes[planar ? channel : 0] else { return }
                plane.withMemoryRebound(to: Sample.self, capacity: capacity * (planar ? 1 : channels)) { plane in
                    let start = planar ? filled : filled * channels + channel
                    let step = planar ? 1 : channels
                    for index in 0..<frames {
                        plane[start + index * step] = convert(samples[index * channels + channel])
                    }
                }
            }
        }
        switch AVSampleFormat(rawValue: frame.pointee.format) {
        case AV_SAMPLE_FMT_S16: each(false, quantisation.int16)
        case AV_SAMPLE_FMT_S16P: each(true, quantisation.int16)
        case AV_SAMPLE_FMT_S32: each(false, quantisation.int24)
        case AV_SAMPLE_FMT_FLT: each(false, Self.float)
        default: each(true, Self.float)
        }
    }

    /// Codecs of floats have room beyond full scale, but not for everything.
    private static func float(_ sample: Float) -> Float { sample.isNaN ? 0 : max(-8, min(8, sample)) }

    /// libvorbis' quality, -1…10, for a bitrate of two channels at 44,100 Hz.
    private static func vorbisQuality(_ bitrate: Int) -> Double {
        let rates: [Double] = [45, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500]
        let rate = min(max(Double(bitrate), rates[0]), rates[rates.count - 1])
        let upper = max(1, rates.firstIndex { $0 >= rate } ?? 1)
        return Double(upper - 2) + (rate - rates[upper - 1]) / (rates[upper] - rates[upper - 1])
    }
}
