import EnvironmentSettings
import Foundation
import Jobs
import ModelStore
import Separation
import SeparationChoices
import ServiceContract
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing
import WorkerLoop

/// The worker with the engine and the starter model.
@Suite(.serialized) struct EngineTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func engine() throws -> EngineSeparator {
        EngineSeparator(
            store: try ModelStore(environment: ["XDG_CACHE_HOME": folder.path]), defaultModel: "starter", threads: 2)
    }

    private func order(
        _ song: Data, _ options: JobOptions = .init(), limits: JobLimits = JobLimits()
    ) throws -> SeparationOrder {
        let url = folder.url.appending(path: "song")
        try song.write(to: url)
        return SeparationOrder(song: url, folder: folder.url, options: options, limits: limits.audio, seed: 1)
    }

    /// Two seconds of a chord: 16-bit stereo WAV.
    private var chord: Data { chord(rate: 44_100) }

    private func chord(rate: Int) -> Data {
        var samples = Data()
        for frame in 0..<88_200 {
            let time = Double(frame) / 44_100
            let value = sin(time * 2 * .pi * 220) + sin(time * 2 * .pi * 277)
            let sample = Int16(value * 8000).littleEndian
            for _ in 0..<2 { withUnsafeBytes(of: sample) { samples.append(contentsOf: $0) } }
        }
        func number(_ value: Int, bytes: Int) -> Data { Data((0..<bytes).map { UInt8(value >> ($0 * 8) & 255) }) }
        let header: [Data] = [
            Data("RIFF".utf8), number(36 + samples.count, bytes: 4), Data("WAVEfmt ".utf8), number(16, bytes: 4),
            number(1, bytes: 2), number(2, bytes: 2), number(rate, bytes: 4), number(4 * rate, bytes: 4),
            number(4, bytes: 2), number(16, bytes: 2), Data("data".utf8), number(samples.count, bytes: 4),
        ]
        return Data(header.joined()) + samples
    }

    @Test func theEngineSeparates() async throws {
        let engine = try engine()
        let all = try await engine.separate(order(chord)) { _ in true }
        #expect(all.model == "starter")
        #expect(all.stems.map(\.name) == ["drums", "bass", "other", "vocals"])
        #expect((all.duration, all.sampleRate) == (2, 44_100))
        #expect(all.stems.allSatisfy { FileManager.default.fileExists(atPath: $0.url.path) })
        #expect(await engine.loadedModels == ["starter"])
        let two = try await engine.separate(order(chord, JobOptions(twoStems: "vocals", format: .mp3))) { _ in true }
        #expect(Set(two.stems.map(\.url.lastPathComponent)) == ["vocals.mp3", "no_vocals.mp3"])
    }

    @Test func aJobChoosesStemsMixesAndFormat() async throws {
        let engine = try engine()
        func files(_ values: [String: String], rate: Int = 44_100) async throws -> SeparatedSong {
            try await engine.separate(order(chord(rate: rate), JobOptions(validating: values))) { _ in true }
        }
        let mixed = try await files(["stems": "vocals", "mixes": "karaoke,rhythm=drums+bass", "format": "opus"])
        #expect(mixed.stems.map(\.url.lastPathComponent) == ["vocals.opus", "karaoke.opus", "rhythm.opus"])
        #expect(mixed.sampleRate == 48_000)
        let own = try await files(["keep_rate": "true", "sum_exact": "true"], rate: 22_050)
        #expect((own.sampleRate, own.remainder) == (22_050, nil))
        let song = try await files([:])
        #expect(try #require(song.remainder) < 0)
        let one = try await files(["format": "stem.mp4"])
        #expect(one.stems.map(\.url.lastPathComponent) == ["stems.stem.mp4"])
    }

    @Test func aJobThatDoesNotFitIntoMemoryFailsBeforeItStarts() async throws {
        let engine = try EngineSeparator(environment: [
            "MSAAS_MODEL": "starter", "MSAAS_THREADS": "2", "MSAAS_MEMORY_LIMIT": "30M",
        ])
        let error = await #expect(throws: (any Error).self) {
            try await engine.separate(order(chord)) { _ in true }
        }
        // Not the song's fault: another worker may have more memory.
        #expect(!(error is SongRefused))
        let sentence = error.map { "\($0)" } ?? ""
        #expect(sentence.hasPrefix("The model starter needs "), "\(sentence)")
        #expect(sentence.hasSuffix("MSAAS_MEMORY_LIMIT allows 30 MB; raise the limit or choose a smaller model."))
        #expect(throws: (any Error).self) { try EngineSeparator(environment: ["MSAAS_MEMORY_LIMIT": "much"]) }
        #expect(
            throws: ConfigurationError("MSAAS_PRECISION", is: "half", write: "one of float32, bf16")
        ) { try EngineSeparator(environment: ["MSAAS_PRECISION": "half"]) }
    }

    @Test func shiftedSeparationsCanBeRepeated() async throws {
        let engine = try engine()
        var results: [Data] = []
        for _ in 0..<2 {
            let song = try await engine.separate(order(chord, JobOptions(shifts: 1))) { _ in true }
            results.append(try Data(contentsOf: song.stems[0].url))
        }
        #expect(results[0] == results[1])
    }

    @Test(arguments: [
        ("Dear diary, today I was named .mp3", JobOptions(), "is text; there is no audio in it"),
        ("", JobOptions(), "is empty"),
        ("RIFF", JobOptions(model: "nonesuch"), "There is no model “nonesuch” here"),
        ("RIFF", JobOptions(twoStems: "kazoo"), "kazoo"),
        ("RIFF", JobOptions(stems: ["kazoo"]), "kazoo"),
        ("RIFF", JobOptions(mixes: ["x=kazoo+drums"].compactMap(StemMix.init)), "kazoo"),
        ("RIFF", JobOptions(stems: ["drums"], format: .stemFile), "A stem.mp4 holds four stems"),
    ])
    func whatCannotBeSeparatedIsRefused(song: String, options: JobOptions, sentence: String) async throws {
        let engine = try engine()
        let error = await #expect(throws: SongRefused.self) {
            try await engine.separate(order(Data(song.utf8), options)) { _ in true }
        }
        #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "no error")")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["song"])
    }

    /// A file of a few hundred kilobytes that claims a day; and one that goes on longer than is read.
    @Test func whatPassesTheLimitsIsRefusedBeforeTheWork() async throws {
        let engine = try engine()
        var limits = JobLimits()
        limits.songSeconds = 1.5
        for (song, limits, words) in [
            (chord(rate: 1), JobLimits(), "has 1 samples a second, and only 4000 to 768000 are read here"),
            (chord, limits, "lasts longer than 0:01.5, the most that is read here"),
        ] {
            let error = await #expect(throws: SongRefused.self) {
                try await engine.separate(order(song, limits: limits)) { _ in
                    Issue.record("it was measured")
                } progress: {
                    $0 == 0
                }
            }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
        let measured = Mutex<SongMeasure?>(nil)
        await #expect(throws: CancellationError.self) {
            try await engine.separate(order(chord, JobOptions(format: .float32))) { measure in
                measured.withLock { $0 = measure }
                throw CancellationError()
            } progress: { _ in
                true
            }
        }
        // Four stems of floats, and the same once more, parked until their peak is known.
        let bytes = 4 * 88_200 * 2 * 4
        #expect(
            measured.withLock { $0 } == SongMeasure(seconds: 2, stemBytes: bytes, diskBytes: 2 * bytes))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["song"])
    }

    /// Nobody can have a worker download a model.
    @Test func onlyWhatIsOfferedIsUsed() async throws {
        let engine = try engine()
        let offers = try await engine.offers
        #expect(offers.usual == "starter")
        #expect(offers.stems["starter"] == ["drums", "bass", "other", "vocals"])
        #expect(offers.stems["htdemucs"] == nil)
        let error = await #expect(throws: SongRefused.self) {
            try await engine.separate(order(chord, JobOptions(model: "htdemucs"))) { _ in true }
        }
        #expect(error?.description.hasPrefix("There is no model “htdemucs” here; there are starter") == true)
        #expect(throws: ConfigurationError.self) { try EngineSeparator(environment: ["MSAAS_OFFERED_MODELS": "a/b"]) }
        let named = try EngineSeparator(environment: [
            "MSAAS_OFFERED_MODELS": "starter, htdemucs", "XDG_CACHE_HOME": folder.path,
        ])
        #expect(
            try await named.offers
                == OfferedModels(
                    stems: ["starter": ["drums", "bass", "other", "vocals"], "htdemucs": []], usual: "starter"))
    }

    @Test func aSeparationStopsWhenItIsTold() async throws {
        let engine = try engine()
        await #expect(throws: CancellationError.self) { try await engine.separate(order(chord)) { _ in false } }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["song"])
    }

    @Test func aWorkerWithTheEngineDoesAJob() async throws {
        let bench = try await Bench()
        let key = "\(JobID.random())/chord.wav"
        let put = try await bench.storage.put("queue", key, body: .bytes(chord))
        let job = Job(
            write: ObjectWrite(bucket: "queue", key: key, eTag: put.eTag), options: JobOptions(format: .flac))
        let text = try await bench.submitted("Dear diary", as: "diary.mp3")
        _ = try await bench.queue.enqueue(job)
        try await bench.withWorker(separator: try engine()) { _ in
            let done = try await bench.finished(job.id)
            #expect(done.state == .done, "\(done.error ?? "")")
            #expect(done.stems.map(\.file) == ["drums.flac", "bass.flac", "other.flac", "vocals.flac"])
            #expect(done.model == "starter")
            let failed = try await bench.finished(text.id)
            #expect(failed.state == .failed)
            #expect(
                failed.error?.hasPrefix("diary.mp3 is text; there is no audio in it") == true, "\(failed.error ?? "")")
        }
    }
}
