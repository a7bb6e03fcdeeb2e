import Audio
import Digests
import Encodings
import Foundation
import FunctionHost
import ServiceContract

/// A mix as it is ordered: how loud each track is, which part of the song, and in which format. Tracks that are not named are silent.
///
/// As JSON, `{"tracks": {"drums": {"gain": 1, "pan": 0}}, "start": 10, "end": 20.5, "format": "flac"}`, or as a query for
/// links, `track=drums:1:0&start=10&end=20.5&format=flac`, where gain and pan may be left out.
package struct MixOrder: Sendable, Equatable {
    package var tracks: [String: Level] = [:]
    /// Seconds.
    package var start = 0.0
    /// Seconds; nil for the end of the song.
    package var end: Double?
    var format = RenditionFormat.wav

    /// How loud a track is.
    package struct Level: Sendable, Equatable {
        /// 0 silent, 1 as it is, at most 4.
        package var gain = 1.0
        /// -1 left only … 1 right only.
        package var pan = 0.0
    }

    private static let mostTracks = 64

    /// Reads a body.
    ///
    /// - Throws: a 400 ``Problem`` that names the member.
    package init(json: Data) throws {
        guard let document = try? JSONDecoder().decode(JSONValue.self, from: json), let members = document.object else {
            throw Problem.badRequest(
                "The body must be a JSON object with “tracks”, and perhaps “start”, “end” and “format”.")
        }
        try Self.refuse(members, but: ["tracks", "start", "end", "format"], in: "The mix")
        guard let tracks = members["tracks"]?.object else {
            throw Problem.badRequest(
                "“tracks” must be an object with a member for each track, such as {\"drums\": {\"gain\": 1}}.")
        }
        for (name, value) in tracks {
            guard let level = value.object else {
                throw Problem.badRequest("The track “\(name.prefix(64))” must be an object with “gain” and “pan”.")
            }
            try Self.refuse(level, but: ["gain", "pan"], in: "The track “\(name.prefix(64))”")
            self.tracks[name] = try Level(
                gain: Self.number(level["gain"], "gain", in: 0...4) ?? 1,
                pan: Self.number(level["pan"], "pan", in: -1...1) ?? 0)
        }
        start = try Self.number(members["start"], "start", in: 0...1e7) ?? 0
        end = try Self.number(members["end"], "end", in: 0...1e7)
        if let value = members["format"], value != .null { format = try Self.format(value.string ?? "") }
        try check()
    }

    /// Reads a query.
    ///
    /// - Throws: a 400 ``Problem`` that names the parameter.
    package init(query: QueryItems) throws {
        func number(_ text: String, _ name: String, in range: ClosedRange<Double>) throws -> Double? {
            try Self.number(Double(text).map { .double($0) } ?? .string(text), name, in: range)
        }
        for item in query.items {
            switch item.name {
            case "track":
                let parts = item.value.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
                guard (1...3).contains(parts.count), tracks[parts[0]] == nil else {
                    throw Problem.badRequest(
                        "track is “\(item.value.prefix(64))”; it must be NAME, NAME:GAIN or NAME:GAIN:PAN, each name once."
                    )
                }
                var level = Level()
                if parts.count > 1 { level.gain = try number(parts[1], "gain", in: 0...4) ?? 1 }
                if parts.count > 2 { level.pan = try number(parts[2], "pan", in: -1...1) ?? 0 }
                tracks[parts[0]] = level
            case "start": start = try number(item.value, "start", in: 0...1e7) ?? 0
            case "end": end = try number(item.value, "end", in: 0...1e7)
            case "format": format = try Self.format(item.value)
            default: continue
            }
        }
        try check()
    }

    private func check() throws {
        guard !tracks.isEmpty, tracks.count <= Self.mostTracks else {
            throw Problem.badRequest("A mix has 1 to \(Self.mostTracks) tracks; name those that are to be heard.")
        }
        if let end, end <= start { throw Problem.badRequest("“end” must be greater than “start”; both are seconds.") }
    }

    private static func refuse(_ members: [String: JSONValue], but known: Set<String>, in place: String) throws {
        guard let other = members.keys.sorted().first(where: { !known.contains($0) }) else { return }
        throw Problem.badRequest(
            "\(place) has a member “\(other.prefix(64))”, which there is not; there are \(known.sorted().joined(separator: ", "))."
        )
    }

    private static func number(_ value: JSONValue?, _ name: String, in range: ClosedRange<Double>) throws -> Double? {
        let number: Double
        switch value {
        case nil, .null: return nil
        case .int(let value): number = Double(value)
        case .double(let value): number = value
        default: number = .nan
        }
        guard range.contains(number) else {
            throw Problem.badRequest(
                "“\(name)” must be a number from \(Int(range.lowerBound)) to \(Int(range.upperBound)).")
        }
        return number
    }

    private static func format(_ text: String) throws -> RenditionFormat {
        guard let format = RenditionFormat(rawValue: text) else {
            let names = RenditionFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem.badRequest("“format” is “\(text.prefix(16))”; it must be one of \(names).")
        }
        return format
    }
}

/// A mix whose tracks and frames are known.
struct MixPlan: Sendable {
    /// Those that are heard, by name.
    let tracks: [(record: StemRecord, gain: TrackGain)]
    let shape: Rendering.Shape
    let format: RenditionFormat
    /// Equal for mixes that sound the same: tracks, levels, region, format.
    let digest: String

    /// - Throws: a 400 ``Problem`` for a track that there is not, and for a region behind the end.
    init(_ order: MixOrder, of finished: FetchFunction.FinishedJob) throws {
        var tracks: [(record: StemRecord, gain: TrackGain)] = []
        var text = "1 \(order.format.rawValue)"
        for (name, level) in order.tracks.sorted(by: { $0.key < $1.key }) {
            guard let record = finished.track(name), record.contentType.hasPrefix("audio/") else {
                throw Problem.badRequest(finished.noTrack(name).detail)
            }
            guard level.gain > 0 else { continue }
            let gain = TrackGain(gain: level.gain, pan: level.pan)
            tracks.append((record, gain))
            text += " \(record.eTag) \(gain.left.bitPattern) \(gain.right.bitPattern)"
        }
        // Stems of one job have one length; an older version did not note it.
        guard let length = ((finished.stems + [finished.original].compactMap { $0 }).compactMap(\.frames)).max() else {
            throw Problem.notFound("The job is of an older version, which noted no length; there is no mix of it.")
        }
        func frame(_ seconds: Double) -> Int { min(length, Int((seconds * Double(finished.sampleRate)).rounded())) }
        let frames = frame(order.start)..<max(frame(order.start), order.end.map(frame) ?? length)
        guard !frames.isEmpty else {
            throw Problem.badRequest(
                "There is nothing between “start” and “end”; the song has \(Double(length) / Double(finished.sampleRate)) seconds."
            )
        }
        self.tracks = tracks
        format = order.format
        shape = format.shape(frames, sampleRate: finished.sampleRate)
        text += " \(frames.lowerBound) \(frames.upperBound)"
        digest = Hash.digest(.sha256, Data(text.utf8)).hex
    }
}
