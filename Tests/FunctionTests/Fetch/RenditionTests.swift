import Audio
import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ObjectStorage
import Pacing
import ServiceContract
import TestSupport
import Testing

/// Stems in other formats than they are stored in, the song itself, and peaks; over a real storage.
@Suite struct RenditionTests {
    /// Two stems as FLAC and the song itself, with peaks, as a worker leaves them.
    static func separate(_ stack: Stack, frames: Int = 150_001, format: AudioFormat = .flac(bits: 16)) async throws
        -> Recording
    {
        let folder = try TemporaryDirectory()
        guard let claim = try await stack.queue.claim(worker: "w", wait: .seconds(10)) else {
            throw TestFailure("no job")
        }
        var numbers = SeededGenerator(seed: 4)
        var samples: [String: [Int16]] = [:]
        var records: [String: StemRecord] = [:]
        for name in ["drums", "vocals", "original"] {
            let shorts = (0..<(frames * 2)).map { _ in Int16.random(in: -20_000...20_000, using: &numbers) }
            samples[name] = shorts
            let file = folder.url.appending(path: name)
            let peaks = folder.url.appending(path: "\(name).dat")
            let writer = try AudioWriter(
                file,
                AudioDescription(
                    format: format, sampleRate: 44100, channels: 2, clipMode: .none, quantisation: .exact, peaks: peaks)
            )
            try shorts.map { Float($0) / 32768 }.withUnsafeBufferPointer { try writer.write($0) }
            _ = try writer.finish()
            let key = name == "original" ? "studio/original.flac" : "\(name).\(format.name.fileExtension)"
            let put = try await stack.storage.putFile("output", "\(claim.job.id)/\(key)", file)
            let dat = try await stack.storage.putFile("output", "\(claim.job.id)/studio/\(name).dat", peaks)
            records[name] = StemRecord(
                name: name, file: key, size: put.size, eTag: put.eTag, contentType: format.name.contentType,
                frames: frames,
                peaks: PeaksRecord(file: "studio/\(name).dat", size: dat.size, eTag: dat.eTag))
        }
        let manifest = Manifest(
            job: claim.job.id, model: "starter", filename: claim.job.filename, duration: Double(frames) / 44100,
            sampleRate: 44100, stems: [records["drums"]!, records["vocals"]!], original: records["original"],
            separationSeconds: 2, owner: claim.job.owner)
        _ = try await stack.storage.put("output", Manifest.key(of: claim.job.id), body: .bytes(try manifest.encoded()))
        _ = try await stack.queue.seal(claim, manifest: manifest)
        _ = try await stack.queue.commit(claim, manifest: manifest)
        return Recording(path: "/fetch/\(claim.job.id)", samples: samples, manifest: manifest)
    }

    struct Recording: Sendable {
        let path: String
        let samples: [String: [Int16]]
        let manifest: Manifest

        /// The samples of a track as bytes.
        func pcm(_ name: String) -> Data { samples[name]!.withUnsafeBytes { Data($0) } }
    }

    @Test(arguments: [AudioFormat.flac(bits: 16), .wav24]) func anyStemIsThereAsWAVWithRanges(format: AudioFormat)
        async throws
    {
        try await withStack { stack in
            _ = try await stack.queued()
            let song = try await Self.separate(stack, format: format)
            for (name, query) in [("drums", "?bits=16"), ("vocals", "?bits=16"), ("original", "")] {
                let path = "\(song.path)/\(name).wav\(query)"
                let whole = try await stack.host.get(path)
                #expect(whole.status == 200)
                #expect(whole.body.dropFirst(44) == song.pcm(name))
                #expect(whole.headers["Content-Length"] == "\(44 + 150_001 * 4)")
                #expect(whole.headers["Content-Type"] == "audio/wav")
                #expect(whole.headers["Accept-Ranges"] == "bytes")
                let tag = try #require(whole.headers["ETag"])
                var numbers = SeededGenerator(seed: 1)
                for _ in 0..<8 {
                    let start = Int.random(in: 0..<whole.body.count, using: &numbers)
                    let end = Int.random(in: start..<min(whole.body.count, start + 300_000), using: &numbers)
                    let part = try await stack.host.get(
                        path, headers: ["Range": "bytes=\(start)-\(end)", "If-Range": tag])
                    #expect(part.status == 206)
                    #expect(part.headers["Content-Range"] == "bytes \(start)-\(end)/\(whole.body.count)")
                    #expect(part.body == whole.body[start...end], "\(start)-\(end)")
                }
                #expect(try await stack.host.get(path, headers: ["If-None-Match": tag]).status == 304)
                #expect(try await stack.host.get(path, headers: ["Range": "bytes=700000-"]).status == 416)
                let head = try await stack.host.send("HEAD", path)
                #expect(head.status == 200 && head.headers["Content-Length"] == "\(44 + 150_001 * 4)")
            }
            let links = try await stack.host.get(song.path).text
            #expect(links.contains("\"original\":\"\(song.path)/original.wav\""))
            #expect(links.contains("\"peaks\":\"\(song.path)/peaks?track=drums\""))
        }
    }

    @Test func otherFormatsAreMadeInTheStream() async throws {
        try await withStack { stack in
            _ = try await stack.queued()
            let song = try await Self.separate(stack, format: .wav16)
            let folder = try TemporaryDirectory()
            for (name, type) in [
                ("vocals.flac", "audio/flac"), ("vocals.mp3", "audio/mpeg"), ("original.mp3", "audio/mpeg"),
            ] {
                let reply = try await stack.host.get("\(song.path)/\(name)")
                #expect(reply.status == 200 && reply.headers["Content-Type"] == type)
                #expect(reply.headers["Content-Disposition"]?.contains("song - \(name)") == true)
                try reply.body.write(to: folder.url.appending(path: name))
                let again = try await stack.host.get(
                    "\(song.path)/\(name)", headers: ["If-None-Match": try #require(reply.headers["ETag"])])
                #expect(again.status == 304)
            }
            let decoded = try AudioReader(folder.url.appending(path: "vocals.flac"), sampleRate: 44100, channels: 2)
            var buffer = [Float](repeating: 0, count: 2 * 160_000)
            let frames = try buffer.withUnsafeMutableBufferPointer { try decoded.read(into: $0) }
            #expect(buffer[..<(2 * frames)].map { Int16($0 * 32768) } == song.samples["vocals"])
            // What is stored is served as it is.
            let stored = try await stack.host.get("\(song.path)/vocals.wav")
            #expect(stored.headers["ETag"] == "\"\(song.manifest.stems[1].eTag)\"")
        }
    }

    @Test func whatThereIsNotIsSaid() async throws {
        try await withStack { stack in
            let waiting = try await stack.queued()
            #expect(try await stack.host.get("/fetch/\(waiting)/peaks").problem == "not-done")
            #expect(try await stack.host.get("/fetch/\(waiting)/original.wav").problem == "not-done")
            let song = try await Self.separate(stack, frames: 500)
            for name in [
                "piano.wav", "drums.ogg", "original", "original.dat", ".wav", "peaks.wav", "studio%2Foriginal.flac",
            ] {
                let reply = try await stack.host.get("\(song.path)/\(name)")
                #expect(reply.status == 404 && reply.text.contains("drums, vocals, original"), "\(name)")
            }
            #expect(try await stack.host.get("\(song.path)/drums.wav?bits=24").problem == "bad-request")
            for query in ["zoom=255", "zoom=x", "bits=4", "format=png"] {
                #expect(try await stack.host.get("\(song.path)/peaks?\(query)").problem == "bad-request", "\(query)")
            }
            #expect(try await stack.host.get("\(song.path)/peaks?track=piano").status == 404)
            try await stack.storage.delete("output", song.manifest.stems[0].key(of: song.manifest.job))
            try await stack.storage.delete("output", song.manifest.stems[0].peaks!.key(of: song.manifest.job))
            #expect(try await stack.host.get("\(song.path)/drums.wav").problem == "gone")
            #expect(try await stack.host.get("\(song.path)/peaks?track=drums").problem == "gone")
            // Of an older version there is what it stored.
            _ = try await stack.queued()
            let old = try await stack.separate(FetchTests.stems)
            #expect(try await stack.host.get("/fetch/\(old.job)/drums.mp3").status == 404)
            #expect(try await stack.host.get("/fetch/\(old.job)/peaks?track=drums").status == 404)
            #expect(try await stack.host.get("/fetch/\(old.job)/drums").body == FetchTests.drums)
        }
    }

    @Test func peaksComeInEveryZoomAndForm() async throws {
        try await withStack { stack in
            _ = try await stack.queued()
            let song = try await Self.separate(stack)
            for (track, zoom) in [("drums", 256), ("vocals", 1024), ("original", 4096), ("original", 16384)] {
                for bits in [8, 16] {
                    let expected = Self.peaks(of: song.samples[track]!, zoom: zoom).map {
                        Int(bits == 8 ? $0 / 256 : $0)
                    }
                    let path = "\(song.path)/peaks?track=\(track)&zoom=\(zoom)&bits=\(bits)"
                    let json = try await stack.host.get(path)
                    #expect(json.headers["Content-Type"] == "application/json")
                    #expect(json.headers["Cache-Control"]?.contains("immutable") == true)
                    let peaks = try JSONDecoder().decode(Waveform.self, from: json.body)
                    #expect(
                        peaks
                            == Waveform(
                                version: 2, channels: 2, sample_rate: 44100, samples_per_pixel: zoom, bits: bits,
                                length: expected.count / 4, data: expected))
                    let dat = try await stack.host.get(path + "&format=dat")
                    #expect(dat.headers["Content-Length"] == "\(24 + expected.count * bits / 8)")
                    let header = [2, bits == 8 ? 1 : 0, 44100, zoom, expected.count / 4, 2].map { UInt32($0) }
                    #expect(dat.body.prefix(24) == header.withUnsafeBytes { Data($0) })
                    let values = dat.body.dropFirst(24).withUnsafeBytes { bytes in
                        bits == 8
                            ? bytes.map { Int(Int8(bitPattern: $0)) }
                            : stride(from: 0, to: bytes.count, by: 2).map {
                                Int(bytes.loadUnaligned(fromByteOffset: $0, as: Int16.self))
                            }
                    }
                    #expect(values == expected)
                    let tag = try #require(json.headers["ETag"])
                    #expect(tag != dat.headers["ETag"])
                    #expect(try await stack.host.get(path, headers: ["If-None-Match": tag]).status == 304)
                }
            }
            #expect(try await stack.host.get("\(song.path)/peaks").text.contains("\"samples_per_pixel\":1024"))
        }
    }

    /// The field names of audiowaveform.
    private struct Waveform: Decodable, Equatable {
        var version, channels, sample_rate, samples_per_pixel, bits, length: Int
        var data: [Int]
    }

    private static func peaks(of shorts: [Int16], zoom: Int) -> [Int16] {
        stride(from: 0, to: shorts.count / 2, by: zoom).flatMap { start in
            (0..<2).flatMap { channel in
                let pixel = (start..<min(shorts.count / 2, start + zoom)).map { shorts[2 * $0 + channel] }
                return [pixel.min()!, pixel.max()!]
            }
        }
    }
}
