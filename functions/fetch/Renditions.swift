import Audio
import Foundation
import FunctionClients
import FunctionHost
import ObjectStorage
import SeparationChoices
import ServiceContract

// Stems, and the song itself, in another format than they are stored in.

/// `vocals.wav`: a track and the format that it is wanted in.
struct RenditionName {
    let track: String
    let format: RenditionFormat

    /// Nil where the name does not end like one of the formats.
    init?(_ name: String) {
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex,
            let format = RenditionFormat(rawValue: String(name[name.index(after: dot)...]))
        else { return nil }
        track = String(name[..<dot])
        self.format = format
    }
}

/// What tracks are rendered as.
enum RenditionFormat: String, CaseIterable {
    case wav, flac, mp3

    var audio: AudioFormat {
        switch self {
        case .wav: .wav16
        case .flac: .flac(bits: 16)
        case .mp3: .mp3(bitrate: SeparationDefaults.mp3Bitrate, preset: SeparationDefaults.mp3Preset)
        }
    }

    /// The rendering of these frames of tracks with so many a second.
    func shape(_ frames: Range<Int>, sampleRate: Int) -> Rendering.Shape {
        let rate = audio.sampleRate(for: sampleRate)
        func converted(_ frame: Int) -> Int {
            rate == sampleRate ? frame : Int(Double(frame) * Double(rate) / Double(sampleRate))
        }
        return Rendering.Shape(
            format: audio, sampleRate: rate, frames: converted(frames.lowerBound)..<converted(frames.upperBound))
    }
}

extension FetchFunction {
    /// A track in a format that it is not stored in, made while it is sent. WAV has 16 bits, a length that is known before, and ranges.
    func rendition(
        _ record: StemRecord, as format: RenditionFormat, of finished: FinishedJob, _ request: FunctionRequest,
        _ context: FunctionContext
    ) async throws -> FunctionResponse {
        guard let frames = record.frames else {
            throw Problem.notFound(
                "\(record.downloadName) is of an older version, which noted no length; there is only what was stored.")
        }
        let shape = format.shape(0..<frames, sampleRate: finished.sampleRate)
        var headers: HTTPFields = [
            .contentType: format.audio.name.contentType, .cacheControl: "private, no-cache",
            .contentDisposition: ContentDisposition.attachment("\(finished.title) - \(record.name).\(format.rawValue)"),
        ]
        guard format == .wav else {
            // Another version of an encoder makes other bytes of the same sound.
            headers[.eTag] = "W/\"\(record.eTag)-\(format.rawValue)\""
            headers[.acceptRanges] = "none"
            if EntityTags(request.headers[.ifNoneMatch])?.contains("\"\(record.eTag)-\(format.rawValue)\"") ?? false {
                return FunctionResponse(status: 304, headers: headers)
            }
            return FunctionResponse(
                headers: headers, body: try await rendering(record, as: shape, of: finished.id, request, context))
        }
        return try await portion(
            of: shape.wave.size, eTag: "\"\(record.eTag)-wav\"", request, headers: headers
        ) { range in
            var shape = shape
            shape.part = range
            return try await rendering(record, as: shape, of: finished.id, request, context)
        }
    }

    private func rendering(
        _ record: StemRecord, as shape: Rendering.Shape, of job: JobID, _ request: FunctionRequest,
        _ context: FunctionContext
    ) async throws -> FunctionResponse.Body {
        try await rendering([(record, .unity)], as: shape, of: job, request, context)
    }

    /// The answer's body: tracks that are there, rendered as it is sent.
    ///
    /// - Parameter keep: where the whole of it is kept, if there is room for it.
    /// - Throws: a ``Problem`` where one of them is not there, or there is no room to render them.
    func rendering(
        _ tracks: [(record: StemRecord, gain: TrackGain)], as shape: Rendering.Shape, of job: JobID,
        _ request: FunctionRequest, _ context: FunctionContext, keep: (MixCache, MixPlan)? = nil
    ) async throws -> FunctionResponse.Body {
        let length = shape.format == .wav16 ? shape.part?.count ?? shape.wave.size : nil
        guard request.method != "HEAD" else { return .stream(length: length) { _ in } }
        let place = try desk.enter(RenderingDesk.weight(of: tracks.count, as: shape), of: context.caller)
        for (record, _) in tracks {
            let head = try await withServiceProblems(context.logger) {
                try await storage.client.head(storage.outputBucket, record.key(of: job))
            }
            guard head?.eTag == record.eTag else { throw Problem.stemGone }
        }
        let (client, bucket) = (storage.client, storage.outputBucket)
        let room = keep.flatMap { $0.0.most > 0 ? try? desk.enter(MixRecording.weight, of: .anybody) : nil }
        return .stream(length: length) { writer in
            let stored = tracks.map {
                (track: StoredTrack($0.record, of: job, client: client, bucket: bucket), gain: $0.gain)
            }
            var recording = room == nil ? nil : keep.map { MixRecording($0.0, $0.1) }
            do {
                try await RenderingDesk.render(stored, as: shape) { piece in
                    await recording?.add(piece)
                    try await writer.write(piece)
                }
            } catch {
                await recording?.abort()
                throw error
            }
            await recording?.finish()
            withExtendedLifetime((place, room)) {}
        }
    }

    /// What a request wants of bytes whose number is known: a range of them, all, or nothing since it has them.
    func portion(
        of size: Int, eTag: String, _ request: FunctionRequest, headers: HTTPFields,
        _ body: (Range<Int>) async throws -> FunctionResponse.Body
    ) async throws -> FunctionResponse {
        var headers = headers
        headers[.eTag] = eTag
        headers[.acceptRanges] = "bytes"
        if request.method != "POST", EntityTags(request.headers[.ifNoneMatch])?.contains(eTag) ?? false {
            return FunctionResponse(status: 304, headers: headers)
        }
        let isFresh = request.headers[.ifRange].map { $0 == eTag } ?? true
        // A range is for GET alone (RFC 9110, section 14.2).
        let range = isFresh && request.method == "GET" ? RangeHeader(request.headers[.range], size: size) : .whole
        switch range {
        case .unsatisfiable:
            throw Problem(
                .rangeNotSatisfiable, detail: "The file has \(size) bytes; ask for a range within them.",
                headers: [.contentRange: "bytes */\(size)", .acceptRanges: "bytes"])
        case .bytes(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
            return FunctionResponse(status: 206, headers: headers, body: try await body(range))
        case .whole: return FunctionResponse(headers: headers, body: try await body(0..<size))
        }
    }
}
