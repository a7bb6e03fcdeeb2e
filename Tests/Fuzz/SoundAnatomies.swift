import Foundation
import Pacing
import TestSupport

/// Files of sound, whichever container they are in.
struct SoundAnatomy: Anatomy {
    private let kinds: [any Anatomy] = [RIFFAnatomy(), OggAnatomy(), FLACAnatomy(), BoxAnatomy()]

    /// The first part says which of the kinds it is.
    func parts(of input: [UInt8]) -> [[UInt8]]? {
        for (index, kind) in kinds.enumerated() {
            if let parts = kind.parts(of: input) { return [[UInt8(index)]] + parts }
        }
        return nil
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        // Whatever was done to the first part: a kind is asked that can be found again.
        let index = parts.first.flatMap { $0.count == 1 ? Int($0[0]) : nil } ?? 0
        let kind = kinds[index % kinds.count]
        var parts = Array(parts.dropFirst())
        if numbers.once(in: 3), let spare = kind.spares.randomElement(using: &numbers) {
            parts.insert(spare, at: numbers.below(parts.count + 1))
        }
        return kind.whole(of: parts, &numbers)
    }

    var spares: [[UInt8]] { [] }
}

/// WAV, RF64, BW64, RIFX and AIFF: chunks with a name and a length, and in `ds64` the lengths beyond 4 GiB.
private struct RIFFAnatomy: Anatomy {
    func parts(of input: [UInt8]) -> [[UInt8]]? {
        guard input.count >= 12,
            ["RIFF", "RIFX", "RF64", "BW64", "FORM"].contains(String(decoding: input[..<4], as: UTF8.self))
        else { return nil }
        let isBig = isBigEndian(input)
        var parts = [Array(input[..<4] + input[8..<12])]
        var offset = 12
        while offset + 8 <= input.count, let size = input.number(at: offset + 4, bytes: 4, bigEndian: isBig) {
            let end = min(input.count, offset + 8 + size)
            parts.append(Array(input[offset..<offset + 4] + input[offset + 8..<end]))
            offset = end + size % 2
        }
        return parts
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        let first = parts.first ?? []
        let head = first.count >= 8 ? first : [UInt8]("RIFFWAVE")
        let isBig = isBigEndian(head)
        let isLong = head.starts(with: "RF64".utf8) || head.starts(with: "BW64".utf8)
        var parts = parts.dropFirst().filter { $0.count >= 4 }
        let total = parts.reduce(4) { $0 + 8 + ($1.count - 4) + $1.count % 2 }
        if isLong {
            let data = parts.first { $0.starts(with: "data".utf8) }?.count ?? 4
            let numbers64 = [total, data - 4, (data - 4) / 2].reduce(into: [UInt8]()) {
                $0 += [UInt8](numbers.length($1), bytes: 8)
            }
            for index in parts.indices where parts[index].starts(with: "ds64".utf8) {
                parts[index] = [UInt8]("ds64") + numbers64 + parts[index].dropFirst(28)
            }
        }
        var body: [UInt8] = Array(head[4..<8])
        for part in parts {
            let isElsewhere = isLong && part.starts(with: "data".utf8)
            let size = isElsewhere ? 0xffff_ffff : numbers.length(part.count - 4)
            body += part[..<4] + [UInt8](size, bytes: 4, bigEndian: isBig) + part[4...]
            if part.count % 2 == 1, !numbers.once(in: 16) { body.append(0) }
        }
        return head[..<4] + [UInt8](isLong ? 0xffff_ffff : numbers.length(body.count), bytes: 4, bigEndian: isBig)
            + body
    }

    private func isBigEndian(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: "RIFX".utf8) || bytes.starts(with: "FORM".utf8)
    }

    var spares: [[UInt8]] {
        func format(_ tag: Int, channels: Int, rate: Int, bits: Int, more: [UInt8] = []) -> [UInt8] {
            let frame = channels * ((bits + 7) / 8)
            return [UInt8]("fmt ") + [UInt8](UInt64(tag), bytes: 2) + [UInt8](UInt64(channels), bytes: 2)
                + [UInt8](UInt64(rate), bytes: 4) + [UInt8](UInt64(rate * frame), bytes: 4)
                + [UInt8](UInt64(frame), bytes: 2) + [UInt8](UInt64(bits), bytes: 2) + more
        }
        return [
            format(1, channels: 2, rate: 44100, bits: 16), format(3, channels: 1, rate: 48000, bits: 32),
            format(3, channels: 1, rate: 8000, bits: 64), format(1, channels: 255, rate: 1, bits: 24),
            format(1, channels: 0, rate: 0, bits: 0), format(1, channels: 1, rate: 0xffff_ffff, bits: 8),
            format(6, channels: 1, rate: 8000, bits: 8),
            format(2, channels: 1, rate: 8000, bits: 4, more: [2, 0, 252, 1]),
            format(0x55, channels: 2, rate: 44100, bits: 0),
            format(
                0xfffe, channels: 6, rate: 44100, bits: 24,
                more: [22, 0, 24, 0, 0x3f, 0, 0, 0, 1, 0] + [UInt8](repeating: 0, count: 14)),
            [UInt8]("ds64") + [UInt8](repeating: 0, count: 28), [UInt8]("ds64") + [UInt8](repeating: 0xff, count: 28),
            [UInt8]("fact") + [UInt8](UInt64.max, bytes: 4),
            [UInt8]("LIST") + [UInt8]("INFOINAM") + [255, 255, 255, 127],
            [UInt8]("JUNK"), [UInt8]("id3 ID3") + [4, 0, 0, 127, 127, 127, 127], [UInt8]("data"),
            [UInt8]("data") + (0..<64).map { UInt8($0 * 4) }, [UInt8]("data") + [0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0xff],
            [UInt8]("COMM") + [0, 2, 0, 0, 0, 9, 0, 16, 0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0],
            [UInt8]("SSND") + [UInt8](repeating: 7, count: 44), [UInt8]("RF64WAVE"), [UInt8]("BW64WAVE"),
        ]
    }
}

/// Ogg: pages with a checksum (RFC 3533, section 6).
private struct OggAnatomy: Anatomy {
    /// A part is a page without capture pattern and checksum.
    func parts(of input: [UInt8]) -> [[UInt8]]? {
        guard input.starts(with: "OggS".utf8) else { return nil }
        return input.split(at: [UInt8]("OggS")).dropFirst().filter { $0.count > 23 }.map {
            Array($0[..<18] + $0[22...])
        }
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        var whole: [UInt8] = []
        for part in parts where part.count >= 19 {
            var lacing = Array(part[19...].prefix(Int(part[18])))
            let body = Array(part.dropFirst(19 + lacing.count).prefix(60_000))
            if lacing.reduce(0, { $0 + Int($1) }) != body.count, !numbers.once(in: 8) {
                lacing = [UInt8](repeating: 255, count: body.count / 255) + [UInt8(body.count % 255)]
            }
            var page = [UInt8]("OggS") + part[..<18] + [0, 0, 0, 0, UInt8(lacing.count)] + lacing + body
            if !numbers.once(in: 16) {
                page.replaceSubrange(22..<26, with: [UInt8](UInt64(checksum(page)), bytes: 4))
            }
            whole += page
        }
        return whole
    }

    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.reduce(0) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte) << 24) { sum, _ in sum >> 31 == 1 ? sum << 1 ^ 0x04c1_1db7 : sum << 1 }
        }
    }

    var spares: [[UInt8]] {
        let zero = [UInt8](repeating: 0, count: 12)
        let identity = [UInt8]("OpusHead") + [1, 2, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0]
        return [
            [0, 2] + [UInt8](repeating: 0, count: 16) + [1, UInt8(identity.count)] + identity,
            [0, 4] + [UInt8](repeating: 0xff, count: 8) + zero[..<8] + [0],
            [0, 0] + [UInt8](UInt64(Int64.max), bytes: 8) + zero[..<8] + [1, 3, 0xfc, 0xff, 0xfe],
            [0, 1] + [UInt8](repeating: 0, count: 16) + [255] + [UInt8](repeating: 0, count: 255),
        ]
    }
}

/// FLAC: metadata blocks with lengths, then frames.
private struct FLACAnatomy: Anatomy {
    /// A part is a block's kind and body; the last one, kind 255, is what follows the blocks.
    func parts(of input: [UInt8]) -> [[UInt8]]? {
        guard input.starts(with: "fLaC".utf8) else { return nil }
        var parts: [[UInt8]] = []
        var offset = 4
        while offset + 4 <= input.count, let size = input.number(at: offset + 1, bytes: 3, bigEndian: true) {
            let end = min(input.count, offset + 4 + size)
            parts.append([input[offset] & 127] + input[offset + 4..<end])
            let isLast = input[offset] & 128 != 0
            offset = end
            if isLast { break }
        }
        return parts + [[255] + input[offset...]]
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        let blocks = parts.filter { !$0.isEmpty && $0[0] != 255 }
        var whole = [UInt8]("fLaC")
        for (index, block) in blocks.enumerated() {
            whole.append(block[0] & 127 | (index == blocks.count - 1 ? 128 : 0))
            whole += [UInt8](numbers.length(block.count - 1), bytes: 3, bigEndian: true) + block.dropFirst()
        }
        return whole + parts.filter { $0.first == 255 }.flatMap { $0.dropFirst() }
    }

    var spares: [[UInt8]] {
        // Rate 1 Hz, 2^36 - 1 samples; a picture and a comment that lie about their lengths; padding; a seek table.
        let streamInfo: [UInt8] = [0, 0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 0xff, 0xff, 0xff, 0xff, 0xff]
        return [
            streamInfo + [UInt8](repeating: 0, count: 16), [6, 0, 0, 0, 3, 0xff, 0xff, 0xff, 0xff],
            [4, 4, 0, 0, 0, 0x61, 0x62, 0x63, 0x64, 0xff, 0xff, 0xff, 0x7f], [1, 0, 0, 0],
            [3] + [UInt8](repeating: 0xff, count: 18), [127], [255, 0xff, 0xf8, 0xc9, 0x18, 0, 0xc2],
        ]
    }
}

/// MP4 and QuickTime: boxes in boxes.
private struct BoxAnatomy: Anatomy {
    private static let containers: Set<String> = [
        "moov", "trak", "mdia", "minf", "stbl", "udta", "dinf", "edts", "moof", "traf", "mvex",
    ]

    /// A part is a box's depth, its name, and, unless it holds boxes, its body.
    func parts(of input: [UInt8]) -> [[UInt8]]? {
        guard input.count >= 12,
            ["ftyp", "wide", "moov", "mdat"].contains(String(decoding: input[4..<8], as: UTF8.self))
        else { return nil }
        return boxes(input[...], depth: 0)
    }

    private func boxes(_ bytes: ArraySlice<UInt8>, depth: UInt8) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var rest = bytes
        while rest.count >= 8, let size = Array(rest.prefix(4)).number(at: 0, bytes: 4, bigEndian: true), size >= 8 {
            let box = rest.prefix(size)
            let name = box.dropFirst(4).prefix(4)
            if Self.containers.contains(String(decoding: name, as: UTF8.self)), depth < 12 {
                parts.append([depth] + name)
                parts += boxes(box.dropFirst(8), depth: depth + 1)
            } else {
                parts.append([depth] + box.dropFirst(4))
            }
            rest = rest.dropFirst(size)
        }
        return parts
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        var open: [(depth: UInt8, bytes: [UInt8])] = []
        var whole: [UInt8] = []
        func close(_ numbers: inout SeededGenerator) {
            let box = open.removeLast().bytes
            let bytes = [UInt8](numbers.length(box.count + 4), bytes: 4, bigEndian: true) + box
            if open.isEmpty { whole += bytes } else { open[open.count - 1].bytes += bytes }
        }
        for part in parts where part.count >= 5 {
            while let last = open.last, last.depth >= part[0] { close(&numbers) }
            open.append((part[0], Array(part.dropFirst())))
        }
        while !open.isEmpty { close(&numbers) }
        return whole
    }

    var spares: [[UInt8]] {
        func box(_ depth: UInt8, _ name: String, _ body: [UInt8]) -> [UInt8] { [depth] + [UInt8](name) + body }
        let many = [UInt8](UInt64(0xffff_ffff), bytes: 4, bigEndian: true)
        return [
            box(5, "stsz", [0, 0, 0, 0, 0, 0, 0, 1] + many), box(5, "stts", [0, 0, 0, 0, 0, 0, 0, 1] + many + many),
            box(5, "stsc", [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1] + many + [0, 0, 0, 1]),
            box(5, "co64", [0, 0, 0, 0, 0, 0, 0, 1] + many + many), box(5, "stco", [0, 0, 0, 0, 0, 0, 0, 1] + many),
            box(2, "elst", [0, 0, 0, 0, 0, 0, 0, 1] + many + many + [0, 1, 0, 0]),
            box(4, "dref", [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12] + [UInt8]("alis") + [0, 0, 0, 0]),
            box(1, "mvhd", [UInt8](repeating: 0xff, count: 100)), box(0, "moof", []), box(0, "free", []),
        ]
    }
}
