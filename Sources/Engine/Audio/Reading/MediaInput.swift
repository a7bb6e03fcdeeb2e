import CFFmpeg
import Foundation

/// A container opened by libavformat over bytes that we read ourselves.
///
/// The library gets no path, no protocol and no way to open anything: what it asks for comes from one range of one open file
/// (behind a header of our own, where the file's is wrong), and a container that refers to another file or to the network
/// is answered with a refusal. Formats and codecs are those of ``MediaFormats``. Work is bounded: so much is looked at
/// before decoding, so many streams, so much memory in one piece, so many bytes read in all.
final class MediaInput {
    /// The opened container.
    let context: UnsafeMutablePointer<AVFormatContext>
    /// Its name in words, such as “QuickTime / MOV”.
    let formatName: String
    /// The lengths that the container's own header states, one for each stream, in the stream's units; 0 where it does not.
    let statedDurations: [Int64]

    private let bytes: InputBytes
    private let io: UnsafeMutablePointer<AVIOContext>
    private let path: String

    private static let bufferLength = 1 << 15
    /// Asked for before the libraries do anything: they say nothing, and take no more than this in one piece.
    static let isBounded: Bool = {
        av_log_set_level(AV_LOG_QUIET)
        // The largest single allocation of the library: no real track's header or packet comes near.
        av_max_alloc(256 << 20)
        return true
    }()

    /// Opens `prefix` and the range behind it.
    ///
    /// - Parameter isForTags: to read tags only: MP3 may be opened, too, and no packet is looked at.
    /// - Throws: ``AudioError/notAudio(path:looksLike:)`` and ``AudioError/unsupported(path:format:)`` for what is no known
    ///   container, ``AudioError/undecodable(path:reason:)`` for a damaged one.
    init(_ file: FileWindow, in range: Range<Int>, prefix: [UInt8] = [], isForTags: Bool = false) throws {
        _ = Self.isBounded
        path = file.path
        bytes = InputBytes(file, in: range, prefix: prefix)
        guard let buffer = av_malloc(Self.bufferLength),
            let io = avio_alloc_context(
                buffer.assumingMemoryBound(to: UInt8.self), Int32(Self.bufferLength), 0,
                Unmanaged.passUnretained(bytes).toOpaque(), readBytes, nil, seekBytes)
        else { throw AudioError.undecodable(path: path, reason: "there is no memory for it") }
        self.io = io
        do {
            let containers = isForTags ? MediaFormats.containers.union(["mp3"]) : MediaFormats.containers
            let format = try Self.probe(io, path: path, containers)
            formatName = format.pointee.long_name.map { String(cString: $0) } ?? "unknown"
            context = try Self.open(format, io: io, path: path, containers)
        } catch {
            Self.free(io)
            throw error
        }
        let opened = context
        statedDurations = (0..<Int(opened.pointee.nb_streams)).map { index in
            guard let stream = opened.pointee.streams[index]?.pointee else { return 0 }
            let isPCM =
                stream.time_base.den == stream.codecpar.pointee.sample_rate && stream.codecpar.pointee.frame_size == 0
                && av_get_exact_bits_per_sample(stream.codecpar.pointee.codec_id) > 0
            return stream.duration > 0 ? stream.duration : isPCM ? max(0, stream.nb_frames) : 0
        }
        // From here on every stored property has its value, so that `deinit` cleans up after a failure.
        guard isForTags || avformat_find_stream_info(context, nil) >= 0 else {
            throw AudioError.undecodable(path: path, reason: "its streams cannot be made out")
        }
    }

    deinit {
        var context: UnsafeMutablePointer<AVFormatContext>? = context
        avformat_close_input(&context)
        Self.free(io)
    }

    /// The streams.
    var streams: [UnsafeMutablePointer<AVStream>] {
        (0..<Int(context.pointee.nb_streams)).compactMap { context.pointee.streams[$0] }
    }

    /// Whether reading was ended because the container led around in circles.
    var wasRunaway: Bool { bytes.isSpent }

    /// Finds out the format by content.
    private static func probe(
        _ io: UnsafeMutablePointer<AVIOContext>, path: String, _ containers: Set<String>
    ) throws -> UnsafePointer<AVInputFormat> {
        var format: UnsafePointer<AVInputFormat>?
        let score = av_probe_input_buffer2(io, &format, "", nil, 0, 1 << 20)
        guard score > 0, let format else { throw AudioError.notAudio(path: path, looksLike: nil) }
        let name = String(cString: format.pointee.name)
        guard containers.contains(name) else {
            let words = format.pointee.long_name.map { String(cString: $0) } ?? name
            throw score > AVPROBE_SCORE_RETRY && name != "mp3"
                ? AudioError.unsupported(path: path, format: "“\(words)”") : .notAudio(path: path, looksLike: nil)
        }
        return format
    }

    private static func open(
        _ format: UnsafePointer<AVInputFormat>, io: UnsafeMutablePointer<AVIOContext>, path: String,
        _ containers: Set<String>
    ) throws -> UnsafeMutablePointer<AVFormatContext> {
        guard let new = avformat_alloc_context() else {
            throw AudioError.undecodable(path: path, reason: "there is no memory for it")
        }
        new.pointee.pb = io
        new.pointee.flags |= AVFMT_FLAG_CUSTOM_IO
        new.pointee.io_open = { _, _, _, _, _ in -EACCES }
        var options: OpaquePointer?
        defer { av_dict_free(&options) }
        for (key, value) in [
            ("protocol_whitelist", ""), ("format_whitelist", containers.sorted().joined(separator: ",")),
            ("codec_whitelist", MediaFormats.codecs), ("probesize", "5000000"), ("analyzeduration", "5000000"),
            ("max_streams", "64"), ("indexmem", "4194304"), ("enable_drefs", "0"), ("use_absolute_path", "0"),
        ] {
            av_dict_set(&options, key, value, 0)
        }
        // Frees the context where it fails, but not our I/O.
        var context: UnsafeMutablePointer<AVFormatContext>? = new
        let code = avformat_open_input(&context, "", format, &options)
        guard code >= 0, let context else {
            throw AudioError.undecodable(path: path, reason: reason(code, else: "its header is damaged"))
        }
        return context
    }

    private static func free(_ io: UnsafeMutablePointer<AVIOContext>) {
        av_free(io.pointee.buffer)
        var io: UnsafeMutablePointer<AVIOContext>? = io
        avio_context_free(&io)
    }

    /// What one of FFmpeg's codes means, as the end of a sentence; `other` where it says nothing to people.
    static func reason(_ code: Int32, else other: String) -> String {
        if code == ffmpeg_invalid_data() || code == ffmpeg_end_of_file() { return other }
        var text = [CChar](repeating: 0, count: 128)
        guard av_strerror(code, &text, text.count) >= 0 else { return other }
        let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return reason.prefix(1).lowercased() + reason.dropFirst()
    }
}

/// The bytes that a container is made of: a header of ours, or none, and a range of the file.
private final class InputBytes {
    private let file: FileWindow
    private let range: Range<Int>
    private let prefix: [UInt8]
    private var position = 0
    private var budget: Int

    init(_ file: FileWindow, in range: Range<Int>, prefix: [UInt8]) {
        self.file = file
        self.range = range
        self.prefix = prefix
        // Badly interleaved files are read a block at a time, most of which is thrown away; beyond that it is no track.
        budget = 100 * range.count + (1 << 30)
    }

    var size: Int { prefix.count + range.count }

    var isSpent: Bool { budget <= 0 }

    /// Reads on; 0 at the end.
    func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        guard budget > 0, position < size else { return 0 }
        var count = 0
        if position < prefix.count {
            count = min(prefix.count - position, target.count)
            prefix[position..<(position + count)].withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: target[..<count]).copyMemory(from: $0)
            }
        } else {
            let offset = range.lowerBound + position - prefix.count
            count = file.read(
                at: offset,
                into: UnsafeMutableRawBufferPointer(rebasing: target[..<min(target.count, range.upperBound - offset)]))
        }
        position += count
        budget -= max(count, 512)
        return count
    }

    /// Goes to a place, which as in a file may be behind the end; nil before the beginning.
    func seek(by offset: Int, from whence: Int32) -> Int? {
        let base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? position : size
        let (target, overflow) = base.addingReportingOverflow(offset)
        guard !overflow, target >= 0 else { return nil }
        position = target
        return target
    }
}

private func readBytes(_ opaque: UnsafeMutableRawPointer?, _ target: UnsafeMutablePointer<UInt8>?, _ count: Int32)
    -> Int32
{
    guard let opaque, let target, count > 0 else { return ffmpeg_invalid_data() }
    let bytes = Unmanaged<InputBytes>.fromOpaque(opaque).takeUnretainedValue()
    let read = bytes.read(into: UnsafeMutableRawBufferPointer(start: target, count: Int(count)))
    return read > 0 ? Int32(read) : ffmpeg_end_of_file()
}

private func seekBytes(_ opaque: UnsafeMutableRawPointer?, _ offset: Int64, _ whence: Int32) -> Int64 {
    guard let opaque else { return -1 }
    let bytes = Unmanaged<InputBytes>.fromOpaque(opaque).takeUnretainedValue()
    if whence & AVSEEK_SIZE != 0 { return Int64(bytes.size) }
    return bytes.seek(by: Int(offset), from: whence & ~AVSEEK_FORCE).map(Int64.init) ?? Int64(-EINVAL)
}
