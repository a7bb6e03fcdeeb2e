import Encodings
import Foundation
import Pacing
import TestSupport

/// Parts with something between them: lines of a file, fields of a head, parts of a form.
struct SeparatedAnatomy: Anatomy {
    /// What stands between two parts.
    let mark: String
    let spares: [[UInt8]]
    /// How many bytes stand before the first part and mean something else.
    let lead: Int

    init(_ mark: String, spares: [String], lead: Int = 0) {
        self.mark = mark
        self.spares = spares.map { [UInt8]($0) }
        self.lead = lead
    }

    func parts(of input: [UInt8]) -> [[UInt8]]? {
        guard input.count >= lead else { return nil }
        return [Array(input[..<lead])] + Array(input[lead...]).split(at: [UInt8](mark))
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        var lead = Array((parts.first ?? []).prefix(lead))
        while lead.count < self.lead { lead.append(UInt8(numbers.below(256))) }
        return lead + Array(parts.dropFirst().joined(separator: [UInt8](mark)))
    }
}

/// JSON: each part is a value that has no members, with the way to it.
struct JSONAnatomy: Anatomy {
    let spares: [[UInt8]]
    let lead: Int

    init(spares: [String: String] = [:], lead: Int = 0) {
        self.spares = spares.map { [UInt8]($0.key.replacing(".", with: "\u{0}") + "\u{1}" + $0.value) }
        self.lead = lead
    }

    func parts(of input: [UInt8]) -> [[UInt8]]? {
        guard input.count > lead,
            let json = try? JSONDecoder().decode(JSONValue.self, from: Data(input[lead...]))
        else { return nil }
        var parts = [Array(input[..<lead])]
        leaves(json, "", &parts)
        return parts
    }

    private func leaves(_ value: JSONValue, _ path: String, _ parts: inout [[UInt8]]) {
        func below(_ name: String) -> String { path.isEmpty ? name : path + "\u{0}" + name }
        switch value {
        case .object(let members) where !members.isEmpty:
            for (name, value) in members.sorted(by: { $0.key < $1.key }) { leaves(value, below(name), &parts) }
        case .array(let elements) where !elements.isEmpty:
            for (index, value) in elements.enumerated() { leaves(value, below("#\(index)"), &parts) }
        default:
            let text = (try? JSONEncoder().encode(value)) ?? Data()
            parts.append([UInt8](path + "\u{1}") + text)
        }
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        var json = JSONValue.null
        for part in parts.dropFirst() {
            let words = part.split(separator: 1, maxSplits: 1, omittingEmptySubsequences: false)
            let path = String(decoding: words[0], as: UTF8.self).split(separator: "\u{0}").prefix(24).map(String.init)
            let text = words.count > 1 ? Data(words[1]) : Data()
            let value =
                (try? JSONDecoder().decode(JSONValue.self, from: text))
                ?? .string(String(decoding: text, as: UTF8.self))
            put(value, at: path[...], into: &json)
        }
        var lead = Array((parts.first ?? []).prefix(lead))
        while lead.count < self.lead { lead.append(0) }
        return lead + [UInt8]((try? JSONEncoder().encode(json)) ?? Data())
    }

    private func put(_ value: JSONValue, at path: ArraySlice<String>, into json: inout JSONValue) {
        guard let name = path.first else { return json = value }
        if name.hasPrefix("#"), let index = Int(name.dropFirst()), (0..<64).contains(index) {
            var elements = json.array ?? []
            while elements.count <= index { elements.append(.null) }
            put(value, at: path.dropFirst(), into: &elements[index])
            json = .array(elements)
        } else {
            var member = json[name] ?? .null
            put(value, at: path.dropFirst(), into: &member)
            json[name] = member
        }
    }
}

/// The header of a `.safetensors` file: metadata, and tensors whose places in the data follow each other.
struct SafetensorsAnatomy: Anatomy {
    private static let sizes = [
        "F16": 2, "BF16": 2, "F32": 4, "F64": 8, "I8": 1, "U8": 1, "I16": 2, "I32": 4, "I64": 8, "BOOL": 1,
    ]

    /// A part is `m name value` or `t name type shape`, with zeros between.
    func parts(of input: [UInt8]) -> [[UInt8]]? {
        guard let members = (try? JSONDecoder().decode(JSONValue.self, from: Data(input)))?.object else { return nil }
        return members.sorted { $0.key < $1.key }.flatMap { name, value -> [[UInt8]] in
            if name == "__metadata__" {
                return (value.object ?? [:]).sorted { $0.key < $1.key }
                    .map { [UInt8]("m\0\($0.key)\0\($0.value.string ?? "")") }
            }
            let shape = (value["shape"]?.array ?? []).map { String($0.int ?? 0) }.joined(separator: ",")
            return [[UInt8]("t\0\(name)\0\(value["dtype"]?.string ?? "")\0\(shape)")]
        }
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        var header: JSONValue = [:]
        var metadata: JSONValue = [:]
        var offset = 0
        for part in parts {
            let words = String(decoding: part, as: UTF8.self)
                .split(
                    separator: "\0", maxSplits: part.first == UInt8(ascii: "m") ? 2 : 3,
                    omittingEmptySubsequences: false
                )
                .map(String.init)
            if words[0] == "m", words.count == 3 {
                metadata[words[1]] = .string(words[2])
            } else if words[0] == "t", words.count == 4 {
                let shape = words[3].split(separator: ",").map { Int($0) ?? .max }
                let count = shape.reduce(Self.sizes[words[2]] ?? 1) {
                    let (product, isTooMuch) = $0.multipliedReportingOverflow(by: $1)
                    return isTooMuch || product < 0 ? 0 : min(product, 1 << 16)
                }
                let end = Int(truncatingIfNeeded: numbers.length(offset + count))
                header[words[1]] = [
                    "dtype": .string(words[2]), "shape": .array(shape.map { .int($0) }),
                    "data_offsets": [.int(offset), .int(end)],
                ]
                offset += count
            }
        }
        header["__metadata__"] = metadata
        return [UInt8]((try? JSONEncoder().encode(header)) ?? Data())
    }

    var spares: [[UInt8]] {
        [
            "m\0klass\0demucs.htdemucs.HTDemucs", "m\0args\0[[\"drums\", \"vocals\"]]", "m\0args\0[[\"../../pwn\"]]",
            "m\0args\0[[]]",
            "m\0kwargs\0{\"channels\": 8, \"segment\": {\"_type\": \"fraction\", \"numerator\": 39, \"denominator\": 5}}",
            "m\0kwargs\0{\"growth\": 1e300, \"depth\": 9223372036854775807}", "m\0kwargs\0{\"sources\": [1, null, {}]}",
            "m\0structure\0q", "m\0kwargs\0" + String(repeating: "[", count: 200), "t\0w\0F32\02,2", "t\0h\0F16\03",
            "t\0b\0BF16\01,1,1,1,1,1,1,1,1", "t\0z\0F64\00", "t\0s\0I64\0", "t\0n\0F32\0-1,-4",
            "t\0x\0F32\04611686018427387904,4,4", "t\0q\0F8_E4M3\04", "t\0é/../a\0BOOL\01",
        ].map { [UInt8]($0) }
    }
}

/// XML: tags and texts; elements end in the order in which they began.
struct XMLAnatomy: Anatomy {
    func parts(of input: [UInt8]) -> [[UInt8]]? {
        var parts: [[UInt8]] = [[]]
        for byte in input {
            if byte == UInt8(ascii: "<"), parts.last?.isEmpty == false { parts.append([]) }
            parts[parts.count - 1].append(byte)
            if byte == UInt8(ascii: ">") { parts.append([]) }
        }
        return parts.filter { !$0.isEmpty }
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        var open: [ArraySlice<UInt8>] = []
        var whole: [UInt8] = []
        for part in parts {
            if part.starts(with: "</".utf8) {
                guard let name = open.popLast() else { continue }
                whole += [UInt8]("</") + name + [UInt8](">")
                continue
            }
            whole += part
            let isElement = part.first == UInt8(ascii: "<") && part.last == UInt8(ascii: ">") && part.count > 2
            guard isElement, !"!?".utf8.contains(part[1]), part[part.count - 2] != UInt8(ascii: "/") else { continue }
            open.append(part.dropFirst().dropLast().prefix { !" \t\r\n".utf8.contains($0) })
        }
        if numbers.once(in: 12) { return whole }
        for name in open.reversed() { whole += [UInt8]("</") + name + [UInt8](">") }
        return whole
    }

    var spares: [[UInt8]] {
        [
            "<Delete>", "<Object>", "<Key>", "</Key>", "<Quiet/>", "<Days>", "9223372036854775807", "-1", "<Part>",
            "<PartNumber>", "<ETag>", "<Rule>", "<Status>", "<QueueConfiguration>", "<Event>", "<![CDATA[<&]]>", "&#0;",
            "&#x10FFFF;", "&#xD800;", "&lt;&amp;&apos;&quot;", "&unknown;", "<!-- -- -->", "<?xml version='1.1'?>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<a:b:c>", "<a xmlns:a='b' a='<'>", "]]>", "\u{feff}", "<a\u{301}>",
        ].map { [UInt8]($0) }
    }
}

/// Bodies in `aws-chunked` encoding: chunks with their sizes, then trailing fields.
struct ChunksAnatomy: Anatomy {
    /// A part is `d parameters zero bytes` of a chunk, or `t line` behind the last one.
    func parts(of input: [UInt8]) -> [[UInt8]]? {
        var parts: [[UInt8]] = []
        var rest = input[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[rest.startIndex..<end].filter { $0 != UInt8(ascii: "\r") }
            let words = line.split(separator: UInt8(ascii: ";"), maxSplits: 1)
            guard let word = words.first, let size = Int(String(decoding: word, as: UTF8.self), radix: 16), size >= 0
            else { break }
            rest = rest[(end + 1)...]
            guard size > 0 else { break }
            parts.append([UInt8]("d") + (words.count > 1 ? words[1] : []) + [0] + rest.prefix(size))
            rest = rest.dropFirst(min(rest.count, size) + 2)
        }
        parts += Array(rest).split(at: [UInt8]("\r\n")).filter { !$0.isEmpty }.map { [UInt8]("t") + $0 }
        return parts
    }

    func whole(of parts: [[UInt8]], _ numbers: inout SeededGenerator) -> [UInt8] {
        var whole: [UInt8] = []
        for part in parts where part.first == UInt8(ascii: "d") {
            let words = part.dropFirst().split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
            let bytes = words.count > 1 ? words[1] : []
            guard !bytes.isEmpty else { continue }
            let size = String(numbers.length(bytes.count), radix: 16)
            whole += [UInt8](size) + (words[0].isEmpty ? [] : [UInt8](";") + words[0]) + [13, 10] + bytes + [13, 10]
        }
        whole += [UInt8](numbers.once(in: 2) ? "0\r\n" : "0;chunk-signature=cd\r\n")
        for part in parts where part.first == UInt8(ascii: "t") { whole += part.dropFirst() + [13, 10] }
        return numbers.once(in: 12) ? whole : whole + [13, 10]
    }

    var spares: [[UInt8]] {
        [
            "dchunk-signature=ab\0abc", "d\0x", "d\0\r\n0\r\n\r\n", "d \0\u{0}", "tx-amz-checksum-crc32:AAAAAA==",
            "tx-amz-trailer-signature:0", "ta", "t:", "t" + String(repeating: "x", count: 300), "t \t:\u{b} é",
        ].map { [UInt8]($0) }
    }
}
