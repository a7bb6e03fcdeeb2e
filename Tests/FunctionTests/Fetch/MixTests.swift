import Audio
import FetchFunction
import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceContract
import TestSupport
import Testing

/// Tracks added up on order: the samples, what is kept of them, and how much at a time.
@Suite struct MixTests {
    private static func order(_ json: String) -> HTTPBody { .bytes(Data(json.utf8)) }

    /// Our own sum of the decoded tracks.
    private static func sum(
        _ song: RenditionTests.Recording, _ levels: [(String, left: Double, right: Double)], _ frames: Range<Int>
    ) -> [Int] {
        (2 * frames.lowerBound..<2 * frames.upperBound).map { index in
            let sum = levels.reduce(0.0) {
                $0 + Double(song.samples[$1.0]![index]) * (index % 2 == 0 ? $1.left : $1.right)
            }
            return Int(max(-32768, min(32767, sum.rounded())))
        }
    }

    private static func samples(_ wav: Data) -> [Int] {
        wav.dropFirst(44).withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 2).map {
                Int(Int16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: Int16.self)))
            }
        }
    }

    @Test func aMixIsTheSumOfItsTracks() async throws {
        try await withStack { stack in
            _ = try await stack.queued()
            let song = try await RenditionTests.separate(stack)
            let json =
                #"{"tracks":{"drums":{"gain":2,"pan":0.25},"vocals":{"gain":0.5,"pan":-1},"original":{"gain":0}},"start":1,"end":2.5}"#
            let mix = try await stack.host.send("POST", "\(song.path)/mix", body: Self.order(json))
            #expect(mix.status == 200)
            let frames = 44100..<110_250
            #expect(mix.headers["Content-Length"] == "\(44 + frames.count * 4)")
            #expect(mix.headers["Content-Disposition"]?.contains("song - mix.wav") == true)
            let expected = Self.sum(song, [("drums", 1.5, 2), ("vocals", 0.5, 0)], frames)
            #expect(expected.contains(32767) && expected.contains(-32768))
            let samples = Self.samples(mix.body)
            #expect(samples.count == expected.count)
            #expect(zip(samples, expected).allSatisfy { abs($0 - $1) <= 1 })
            // The same as a link, with ranges, before and after it was kept.
            let link = "\(song.path)/mix?track=vocals:0.5:-1&track=drums:2:0.25&start=1&end=2.5"
            for _ in 0..<2 {
                let part = try await stack.host.get(link, headers: ["Range": "bytes=1001-99999"])
                #expect(part.status == 206 && part.body == mix.body[1001...99999])
                #expect(part.headers["ETag"] == mix.headers["ETag"])
                try await eventually("it is kept") {
                    try await stack.keys("output").contains { $0.contains("/mixes/") }
                }
            }
            #expect(
                try await stack.host.get(link, headers: ["If-None-Match": try #require(mix.headers["ETag"])]).status
                    == 304)
            let again = try await stack.host.send("POST", "\(song.path)/mix", body: Self.order(json))
            #expect(again.body == mix.body)
        }
    }

    @Test func othersReadItInEveryFormat() async throws {
        try await withStack { stack in
            _ = try await stack.queued()
            let song = try await RenditionTests.separate(stack, frames: 60_000)
            let folder = try TemporaryDirectory()
            for format in ["flac", "mp3"] {
                for isKept in [false, true] {
                    let reply = try await stack.host.get(
                        "\(song.path)/mix?track=drums&track=vocals:0.3&format=\(format)")
                    #expect(reply.status == 200)
                    #expect(reply.headers["Accept-Ranges"] == (isKept ? "bytes" : "none"))
                    try reply.body.write(to: folder.url.appending(path: "\(isKept).\(format)"))
                    try await eventually("it is kept") {
                        try await stack.keys("output").contains { $0.contains("/mixes/") && $0.hasSuffix(format) }
                    }
                }
                #expect(
                    try Data(contentsOf: folder.url.appending(path: "false.\(format)"))
                        == Data(contentsOf: folder.url.appending(path: "true.\(format)")))
            }
            let pcm = try await Program.run(
                ["ffmpeg", "-v", "quiet", "-i", folder.path + "/true.flac", "-f", "s16le", folder.path + "/true.raw"])
            #expect(pcm.isEmpty)
            let raw = try Data(contentsOf: folder.url.appending(path: "true.raw"))
            let expected = Self.sum(song, [("drums", 1, 1), ("vocals", 0.3, 0.3)], 0..<60_000)
            let samples = Self.samples(Data(count: 44) + raw)
            #expect(samples.count == expected.count && zip(samples, expected).allSatisfy { abs($0 - $1) <= 1 })
        }
    }

    @Test func ofAJobTheNewestMixesAreKeptAndNoneAfterIt() async throws {
        try await withStack(fetch: { $0.keptMixes = 2 }) { stack in
            _ = try await stack.queued()
            let song = try await RenditionTests.separate(stack, frames: 2000)
            func kept() async throws -> Int { try await stack.keys("output").count { $0.contains("/mixes/") } }
            for gain in 1...4 {
                #expect(try await stack.host.get("\(song.path)/mix?track=drums:0.\(gain)").status == 200)
                try await eventually("it is kept") { try await kept() == min(2, gain) }
            }
            #expect(try await stack.host.send("DELETE", song.path).status == 204)
            #expect(try await stack.keys("output") == [])
        }
    }

    @Test func whatCannotBeMixedIsSaid() async throws {
        try await withStack { stack in
            let waiting = try await stack.queued()
            #expect(try await stack.host.get("/fetch/\(waiting)/mix?track=drums").problem == "not-done")
            let song = try await RenditionTests.separate(stack, frames: 2000)
            for json in [
                "", "[]", "{}", "null", #"{"tracks":{}}"#, #"{"tracks":{"piano":{}}}"#, #"{"tracks":{"drums":1}}"#,
                #"{"tracks":{"drums":{"gain":4.1}}}"#, #"{"tracks":{"drums":{"gain":-1}}}"#,
                #"{"tracks":{"drums":{"gain":1e999}}}"#,
                #"{"tracks":{"drums":{"pan":"x"}}}"#, #"{"tracks":{"drums":{"volume":1}}}"#,
                #"{"tracks":{"drums":{}},"end":0}"#,
                #"{"tracks":{"drums":{}},"start":3}"#, #"{"tracks":{"drums":{}},"start":2,"end":1}"#,
                #"{"tracks":{"drums":{}},"format":"ogg"}"#, #"{"tracks":{"drums":{}},"form":"wav"}"#,
            ] {
                let reply = try await stack.host.send("POST", "\(song.path)/mix", body: Self.order(json))
                #expect(reply.problem == "bad-request", "\(json): \(reply.status)")
            }
            for query in [
                "", "track=", "track=drums:x", "track=drums:1:2", "track=drums:1:0:0", "track=drums&track=drums",
                "track=drums&end=x",
            ] {
                #expect(try await stack.host.get("\(song.path)/mix?\(query)").problem == "bad-request", "\(query)")
            }
            // Nothing but silence is a mix, too.
            let silence = try await stack.host.get("\(song.path)/mix?track=drums:0")
            #expect(silence.body.count == 44 + 8000 && silence.body.dropFirst(44).allSatisfy { $0 == 0 })
        }
    }

    /// A client that takes nothing holds its tracks' places; who finds none is told when to come back, and gets one when it goes.
    @Test func soManyTracksAreRenderedAtATime() async throws {
        let secrets = (alice: APIKey.makeSecret(), root: APIKey.makeSecret(), carol: APIKey.makeSecret())
        var root = try APIKey(name: "root", secret: secrets.root)
        root.isAdmin = true
        let keys = KeyRing([
            try APIKey(name: "alice", secret: secrets.alice), root, try APIKey(name: "carol", secret: secrets.carol),
        ])
        try await withStack(fetch: { ($0.renderedTracks, $0.keptMixes) = (6, 0) }, keys: keys) { stack in
            let reply = try await stack.host.send(
                "POST", "/upload?filename=a.mp3", headers: ["X-API-Key": secrets.alice], body: .bytes(UploadTests.song))
            let job = try #require(reply.json["job"])
            _ = try await stack.separatePost(Data("{\"bucket\":\"queue\",\"key\":\"\(job)/a.mp3\"}".utf8))
            // More than sockets take in while nobody reads.
            let song = try await RenditionTests.separate(stack, frames: 44100 * 120)
            func open(_ secret: String, _ name: String) async throws -> HTTPResponse {
                try await stack.host.open("GET", "\(song.path)/\(name)", headers: ["X-API-Key": secret])
            }
            var held: [HTTPResponse] = []
            for name in ["mix?track=drums&track=vocals", "original.wav"] {
                held.append(try await open(secrets.alice, name))
            }
            let refused = try await open(secrets.alice, "drums.wav")
            #expect(refused.status == 429 && refused.headers["Retry-After"] == "2")
            for name in ["drums.wav", "vocals.wav", "original.wav"] { held.append(try await open(secrets.root, name)) }
            #expect(held.map(\.status) == [200, 200, 200, 200, 200])
            let full = try await open(secrets.alice, "drums.wav")
            #expect(full.status == 503 && full.headers["Retry-After"] == "2")
            // What is no rendering is not concerned.
            #expect(try await open(secrets.alice, "drums").status == 200)
            #expect(try await open(secrets.alice, "peaks").status == 200)
            for name in ["mix?track=drums", "drums.wav", "original.wav", "original.mp3", "peaks"] {
                #expect(try await open(secrets.carol, name).status == 404)
            }
            held = []
            try await eventually("there is room again") { try await open(secrets.alice, "drums.wav").status == 200 }
        }
    }
}
