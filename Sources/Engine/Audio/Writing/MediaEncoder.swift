import CFFmpeg
import Foundation

/// FLAC, MP3, AAC, Opus and Vorbis, encoded by libavcodec and put into their container by libavformat, with tags and cover.
///
/// The libraries get one open file through our own writes, and no way to open another. A container of several tracks is
/// encoded by a thread for each; what they made waits until ``write()`` puts it into the file in the order of time, so the
/// same samples give the same bytes.
final class MediaEncoder {
    private let path: String
    fileprivate let output: MediaOutput
    private var context: UnsafeMutablePointer<AVFormatContext>?
    private let tracks: [MediaTrack]

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - path: what to call it in errors.
    ///   - names: one for each track.
    /// - Throws: ``AudioError`` when an encoder refuses the parameters, or the disk the first bytes.
    init(
        _ target: MediaOutput.Target, path: String, format: AudioFormat, sampleRate: Int, channels: Int,
        names: [String?] = [nil],
        quantisation: Quantisation = .reference, tags: TrackTags?
    ) throws {
        self.path = path
        let container = Container(format)
        output = try MediaOutput(target)
        var new: UnsafeMutablePointer<AVFormatContext>?
        guard avformat_alloc_output_context2(&new, nil, container.name, nil) >= 0, let context = new else {
            throw AudioError.cannotWrite(path: path, reason: "libavformat has no \(container.name) here")
        }
        var tracks: [MediaTrack] = []
        do {
            for name in names {
                tracks.append(
                    try MediaTrack(
                        in: context, name: name, codec: container.codec, format: format, sampleRate: sampleRate,
                        channels: channels, quantisation: quantisation, path: path))
            }
            try Self.begin(context, container: container, output: output, tags: tags, path: path)
        } catch {
            avformat_free_context(context)
            throw error
        }
        self.context = context
        self.tracks = tracks
    }

    deinit { avformat_free_context(context) }

    /// Encodes whole frames of a track; not by two threads for one track at a time.
    func encode(_ samples: UnsafeBufferPointer<Float>, track: Int) throws { try tracks[track].encode(samples) }

    /// Ends a track.
    func end(track: Int) throws { try tracks[track].end() }

    /// Puts what was encoded into the file.
    func write() throws {
        while let next = tracks.filter({ $0.firstTime != nil }).min(by: { $0.firstTime! < $1.firstTime! }),
            let packet = next.takeFirst()
        {
            var owned: UnsafeMutablePointer<AVPacket>? = packet
            defer { av_packet_free(&owned) }
            try check(av_write_frame(context, packet))
        }
    }

    /// Completes the file.
    func close() throws {
        try write()
        try check(av_write_trailer(context))
        avio_flush(output.io)
        try check(output.io.pointee.error)
    }

    private func check(_ code: Int32) throws { try Self.check(code, output, path) }

    /// What a stream has got since it was asked last.
    func takeStreamed() -> [UInt8] { output.take() }

    private static func check(_ code: Int32, _ output: MediaOutput, _ path: String) throws {
        if output.failure != 0 { throw AudioError.writing(path, code: output.failure) }
        guard code < 0 else { return }
        throw AudioError.cannotWrite(path: path, reason: MediaInput.reason(code, else: "its parts do not fit together"))
    }

    /// Writes the container's beginning: tags, cover, header.
    private static func begin(
        _ context: UnsafeMutablePointer<AVFormatContext>, container: Container, output: MediaOutput, tags: TrackTags?,
        path: String
    ) throws {
        context.pointee.pb = output.io
        context.pointee.flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT
        context.pointee.io_open = { _, _, _, _, _ in -EACCES }
        var picture: UnsafeMutablePointer<AVStream>?
        if let tags {
            if container.isOgg {
                // Ogg files have their tags in the stream, and the cover among them.
                let stream = context.pointee.streams[0]
                av_dict_free(&stream!.pointee.metadata)
                stream?.pointee.metadata = tags.dictionary()
                if let cover = tags.cover {
                    av_dict_set(&stream!.pointee.metadata, "METADATA_BLOCK_PICTURE", cover.oggField, 0)
                }
            } else {
                context.pointee.metadata = tags.dictionary()
                picture = tags.cover.flatMap { Self.addStream(for: $0, to: context) }
            }
        }
        var options = container.options
        defer { av_dict_free(&options) }
        try check(avformat_write_header(context, &options), output, path)
        var owned = av_packet_alloc()
        defer { av_packet_free(&owned) }
        guard let picture, let cover = tags?.cover, let packet = owned else { return }
        guard av_new_packet(packet, Int32(cover.bytes.count)) >= 0 else { return }
        packet.pointee.data.update(from: cover.bytes, count: cover.bytes.count)
        packet.pointee.stream_index = picture.pointee.index
        packet.pointee.flags |= AV_PKT_FLAG_KEY
        packet.pointee.pts = 0
        packet.pointee.dts = 0
        try check(av_write_frame(context, packet), output, path)
    }

    private static func addStream(
        for cover: TrackTags.Cover, to context: UnsafeMutablePointer<AVFormatContext>
    ) -> UnsafeMutablePointer<AVStream>? {
        guard let stream = avformat_new_stream(context, nil) else { return nil }
        stream.pointee.disposition = AV_DISPOSITION_ATTACHED_PIC
        stream.pointee.codecpar.pointee.codec_type = AVMEDIA_TYPE_VIDEO
        stream.pointee.codecpar.pointee.codec_id = cover.isPNG ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG
        // Nobody decodes the picture here, and containers ask for measures only to repeat them.
        stream.pointee.codecpar.pointee.width = 1
        stream.pointee.codecpar.pointee.height = 1
        stream.pointee.time_base = AVRational(num: 1, den: 90_000)
        av_dict_set(&stream.pointee.metadata, "comment", "Cover (front)", 0)
        return stream
    }
}

extension MediaEncoder {
    /// The tags as an ID3 tag: what libavformat writes before an MP3 that has no frames.
    static func id3(_ tags: TrackTags, path: String) throws -> [UInt8] {
        let encoder = try MediaEncoder(
            .memory, path: path, format: .mp3(bitrate: 128, preset: 7), sampleRate: 44100, channels: 2, tags: tags)
        try encoder.close()
        return encoder.output.memory
    }
}

/// A file with one track.
final class SingleTrackEncoder: AudioEncoder {
    private let encoder: MediaEncoder

    init(_ encoder: MediaEncoder) { self.encoder = encoder }

    func encode(_ samples: UnsafeBufferPointer<Float>) throws {
        try encoder.encode(samples, track: 0)
        try encoder.write()
    }

    func finish() throws {
        try encoder.end(track: 0)
        try encoder.close()
    }
}

/// FFmpeg's names for what a format is made of.
private struct Container {
    let name: String
    let codec: String
    var isOgg: Bool { name == "ogg" || name == "opus" }

    init(_ format: AudioFormat) {
        (name, codec) =
            switch format {
            case .mp3: ("mp3", "libmp3lame")
            case .m4a, .stemFile: ("ipod", "aac")
            case .opus: ("opus", "libopus")
            case .vorbis: ("ogg", "libvorbis")
            case .flac, .wav16, .wav24, .float32: ("flac", "flac")
            }
    }

    /// To be freed by the caller.
    var options: OpaquePointer? {
        var options: OpaquePointer?
        // What every player and every file manager reads.
        if name == "mp3" { av_dict_set(&options, "id3v2_version", "3", 0) }
        // FFmpeg's own decoders lose the end of a Vorbis stream that has a single page.
        if isOgg { av_dict_set(&options, "page_duration", "200000", 0) }
        return options
    }
}

/// Where a container's bytes go.
final class MediaOutput {
    /// What kind of place that is.
    enum Target {
        /// One open file, which stays the caller's.
        case file(Int32)
        /// Memory, in which the container goes back to complete its header.
        case memory
        /// Somebody who has what was written before: nothing can be changed any more.
        case stream
    }

    /// What libavformat writes to.
    private(set) var io: UnsafeMutablePointer<AVIOContext>!
    /// The `errno` of the first write that failed, or 0.
    private(set) var failure: Int32 = 0
    /// What was written, where there is no file.
    private(set) var memory: [UInt8] = []
    private let descriptor: Int32?
    private var position = 0

    private static let bufferLength = 1 << 15

    init(_ target: Target) throws {
        descriptor = if case .file(let descriptor) = target { descriptor } else { nil }
        _ = MediaInput.isBounded
        let seek: (@convention(c) (UnsafeMutableRawPointer?, Int64, Int32) -> Int64)? =
            if case .stream = target { nil } else { seekOutput }
        guard let buffer = av_malloc(Self.bufferLength),
            let io = avio_alloc_context(
                buffer.assumingMemoryBound(to: UInt8.self), Int32(Self.bufferLength), 1,
                Unmanaged.passUnretained(self).toOpaque(), nil, writeBytes, seek)
        else { throw AudioError.invalidFormat("There is no memory for an encoder.") }
        self.io = io
    }

    deinit {
        guard let io else { return }
        av_free(io.pointee.buffer)
        avio_context_free(&self.io)
    }

    /// What a stream has got since it was asked last.
    func take() -> [UInt8] {
        avio_flush(io)
        defer {
            memory.removeAll(keepingCapacity: true)
            position = 0
        }
        return memory
    }

    /// Writes all of it, or notes why not.
    fileprivate func write(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
        guard let descriptor else {
            memory.append(contentsOf: repeatElement(0, count: max(0, position + bytes.count - memory.count)))
            memory.replaceSubrange(position..<(position + bytes.count), with: bytes)
            position += bytes.count
            return Int32(bytes.count)
        }
        var done = 0
        while done < bytes.count, let base = bytes.baseAddress {
            let count = pwrite(descriptor, base + done, bytes.count - done, off_t(position))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                failure = failure == 0 ? max(1, errno) : failure
                return -failure
            }
            done += count
            position += count
        }
        return Int32(bytes.count)
    }

    fileprivate func seek(_ offset: Int64, _ whence: Int32) -> Int64 {
        let size = descriptor.map { Int64(lseek($0, 0, SEEK_END)) } ?? Int64(memory.count)
        if whence & AVSEEK_SIZE != 0 { return size }
        let base = whence & 3 == SEEK_SET ? 0 : whence & 3 == SEEK_CUR ? Int64(position) : size
        guard base + offset >= 0 else { return Int64(-EINVAL) }
        position = Int(base + offset)
        return Int64(position)
    }
}

private func writeBytes(_ opaque: UnsafeMutableRawPointer?, _ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int32)
    -> Int32
{
    guard let opaque, let bytes, count >= 0 else { return ffmpeg_invalid_data() }
    return Unmanaged<MediaOutput>.fromOpaque(opaque).takeUnretainedValue()
        .write(UnsafeBufferPointer(start: bytes, count: Int(count)))
}

private func seekOutput(_ opaque: UnsafeMutableRawPointer?, _ offset: Int64, _ whence: Int32) -> Int64 {
    guard let opaque else { return -1 }
    return Unmanaged<MediaOutput>.fromOpaque(opaque).takeUnretainedValue().seek(offset, whence)
}
