import CFFmpeg
import Foundation

/// A file of Native Instruments' Stems (`.stem.mp4`), as Traktor, Mixxx and other DJ software play it: the track and its four
/// stems as AAC tracks of one MPEG-4 file, and a box `moov/udta/stem` with their names and colours as JSON.
///
/// Players add the stems up, so no stem is rescaled by itself; AAC has room beyond full scale. Tracks may be written by a
/// thread for each; ``write()`` then puts what they made into the file. As with ``AudioWriter``, the file has its name only
/// when it is complete.
public final class StemFile {
    /// How many tracks there are: the master and four stems.
    public static let trackCount = 5

    private let url: URL
    private let temporary: TemporaryFile
    private let encoder: MediaEncoder
    private let names: [String]
    private var isPending = true

    private static let colours = ["#FF0000", "#00FF00", "#FFFF00", "#0000FF"]

    /// Opens the file's folder for writing; the folder must exist.
    ///
    /// - Parameters:
    ///   - description: format, rate and channels of every track, and the track's tags.
    ///   - names: those of the four stems.
    public init(_ url: URL, _ description: AudioDescription, names: [String]) throws {
        precondition(names.count == Self.trackCount - 1)
        try description.format.validate()
        self.url = url
        self.names = names.map { $0.prefix(1).uppercased() + $0.dropFirst() }
        do {
            let temporary = try TemporaryFile(in: url.deletingLastPathComponent())
            do {
                encoder = try MediaEncoder(
                    .file(temporary.descriptor), path: temporary.url.path, format: description.format,
                    sampleRate: description.sampleRate, channels: description.channels, names: ["Master"] + self.names,
                    tags: description.tags)
            } catch {
                temporary.remove()
                throw error
            }
            self.temporary = temporary
        } catch {
            throw AudioWriter.renamed(error, to: url)
        }
    }

    deinit { cancel() }

    /// Takes whole interleaved frames of a track; 0 is the master.
    public func encode(_ samples: UnsafeBufferPointer<Float>, track: Int) throws {
        do { try encoder.encode(samples, track: track) } catch { throw AudioWriter.renamed(error, to: url) }
    }

    /// Ends a track.
    public func end(track: Int) throws {
        do { try encoder.end(track: track) } catch { throw AudioWriter.renamed(error, to: url) }
    }

    /// Puts what was encoded into the file; no track may be written at the same time.
    public func write() throws {
        do { try encoder.write() } catch { throw AudioWriter.renamed(error, to: url) }
    }

    /// Completes the file, whose tracks were all ended, and gives it its name, replacing one that was there.
    public func finish() throws {
        do {
            try encoder.close()
            try appendBox()
            try temporary.move(to: url)
        } catch {
            throw AudioWriter.renamed(error, to: url)
        }
        isPending = false
    }

    /// Gives up; nothing is left behind. Without effect after ``finish()``.
    public func cancel() {
        guard isPending else { return }
        isPending = false
        temporary.remove()
    }

    /// Adds the box to `moov/udta`. libavformat writes `moov` last and `udta` last in it, so the box comes to the end of the file,
    /// and only the sizes of those two change.
    private func appendBox() throws {
        let (descriptor, path) = (temporary.descriptor, temporary.url.path)
        let end = Int(lseek(descriptor, 0, SEEK_END))
        guard let moov = box("moov", in: 0..<end), moov.upperBound == end else {
            throw AudioError.cannotWrite(path: path, reason: "its index is not at its end")
        }
        let json = try metadata()
        let stem = UInt32(8 + json.count).bigEndianBytes + Array("stem".utf8) + json
        let udta = box("udta", in: moov.lowerBound + 8..<end).flatMap { $0.upperBound == end ? $0 : nil }
        let added =
            udta == nil ? UInt32(8 + stem.count).bigEndianBytes + Array("udta".utf8) + stem : stem
        try writeAll(descriptor, added, count: added.count, path: path)
        for range in [moov, udta].compactMap({ $0 }) {
            let size = UInt32(clamping: range.count + added.count).bigEndianBytes
            guard pwrite(descriptor, size, 4, off_t(range.lowerBound)) == 4 else { throw AudioError.writing(path) }
        }
    }

    /// Where the first box of this kind among those in `range` lies (ISO/IEC 14496-12, section 4.2).
    private func box(_ kind: String, in range: Range<Int>) -> Range<Int>? {
        var position = range.lowerBound
        while position + 8 <= range.upperBound {
            var header = [UInt8](repeating: 0, count: 16)
            guard pread(temporary.descriptor, &header, 16, off_t(position)) >= 8 else { return nil }
            var size = header[0..<4].reduce(0) { $0 << 8 | Int($1) }
            if size == 1 { size = Int(clamping: header[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }) }
            guard size >= 8, size <= range.upperBound - position else { return nil }
            if header[4..<8].elementsEqual(kind.utf8) { return position..<(position + size) }
            position += size
        }
        return nil
    }

    /// What Native Instruments' own tool writes where it is told names and colours only: no effects on the sum.
    private func metadata() throws -> [UInt8] {
        let stems = zip(names, Self.colours).map { ["color": $1, "name": $0] }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return Array(
            """
            {"mastering_dsp":{"compressor":{"attack":0.003,"dry_wet":50,"enabled":false,"hp_cutoff":300,"input_gain":0.5,\
            "output_gain":0.5,"ratio":3,"release":0.3,"threshold":0},\
            "limiter":{"ceiling":-0.35,"enabled":false,"release":0.05,"threshold":0}},"stems":
            """.utf8) + Array(try encoder.encode(stems)) + Array(",\"version\":1}".utf8)
    }
}
