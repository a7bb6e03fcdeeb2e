/// The streams of an Ogg file one after the other: radio recordings and joined files are chains of them (RFC 3533, section 4),
/// and a decoder that sees the whole would stop, or stumble, at the first joint.
final class OggSource: SampleSource {
    private let file: FileWindow
    private let end: Int
    private var position: Int
    private var link: MediaSource?
    private var linkWarnings: [String] = []
    private var skippedBytes = 0
    private var hasEndMark = true
    private var links = 0
    private var lostLinks = 0

    /// The chain in `range`.
    init(_ file: FileWindow, in range: Range<Int>) throws {
        self.file = file
        end = range.upperBound
        position = range.lowerBound
        guard try openNext() else { throw AudioError.noSamples(path: file.path) }
    }

    var warnings: [String] {
        var warnings = linkWarnings + (link?.warnings ?? [])
        if skippedBytes > 0 {
            warnings.append("The file is damaged: \(skippedBytes) bytes in it belong to no Ogg page and were skipped.")
        }
        if !hasEndMark { warnings.append("The file has no end mark: it was probably cut off, and ends early.") }
        return warnings
    }

    var depth: SampleDepth? { link?.depth }

    func next() throws -> SampleBlock? {
        while let link {
            if let block = try link.next() { return block }
            for warning in link.warnings where !linkWarnings.contains(warning) { linkWarnings.append(warning) }
            self.link = nil
            _ = try openNext()
        }
        return nil
    }

    /// Opens the next stream of the chain that can be decoded.
    ///
    /// - Returns: false when there is none.
    /// - Throws: why the first one cannot be decoded; later ones are left out with a warning.
    private func openNext() throws -> Bool {
        while position < end {
            let start = position
            position = endOfLink(from: start)
            links += 1
            do {
                link = try MediaSource(file, in: start..<position)
                return true
            } catch {
                if links == 1, position == end { throw error }
                lostLinks += 1
                linkWarnings.append("Part \(links) of the file cannot be decoded and was left out.")
            }
        }
        if links == lostLinks { throw AudioError.noSamples(path: file.path) }
        return false
    }

    /// Where the next link of the chain begins: at a first page behind pages that are none.
    private func endOfLink(from start: Int) -> Int {
        var offset = start
        var isBeyondHeads = false
        var isComplete = false
        defer { hasEndMark = hasEndMark && isComplete }
        while offset < end {
            guard let page = page(at: offset) else {
                let next = nextPage(from: offset + 1)
                // Zeros and tags behind the last page are no damage.
                if next < end || file.firstNonZero(in: offset..<end) < end { skippedBytes += next - offset }
                offset = next
                continue
            }
            if page.isFirst, isBeyondHeads { return offset }
            isBeyondHeads = isBeyondHeads || !page.isFirst
            isComplete = page.isLast && page.end <= end
            offset = page.end
        }
        return end
    }

    /// The page whose capture pattern stands at `offset` (RFC 3533, section 6).
    private func page(at offset: Int) -> (isFirst: Bool, isLast: Bool, end: Int)? {
        guard file.spells("OggS", at: offset), file.byte(at: offset + 4) == 0, let flags = file.byte(at: offset + 5),
            let segments = file.byte(at: offset + 26)
        else { return nil }
        let lacing = file.bytes(at: offset + 27, length: Int(segments))
        let body = lacing.reduce(0) { $0 + Int($1) }
        return (flags & 2 != 0, flags & 4 != 0, offset + 27 + Int(segments) + body)
    }

    private func nextPage(from offset: Int) -> Int {
        var position = offset
        while position < end, !(file.byte(at: position) == 0x4f && file.spells("OggS", at: position)) { position += 1 }
        return position
    }
}
