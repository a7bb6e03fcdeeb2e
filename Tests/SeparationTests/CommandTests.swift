import Foundation
import Tensors
import TestSupport
import Testing

/// `msaas separate` as a process, with a small random model.
struct CommandTests {
    let bench: Bench
    var studio: Studio { bench.studio }

    init() throws { bench = try Bench(tracks: ["a song.v2.wav": 5000]) }

    private func start(_ arguments: [String]) throws -> Bench.Running { try bench.start(arguments) }

    private func msaas(_ arguments: String...) async throws -> (code: Int32, output: String, errors: String) {
        try await msaas(arguments)
    }

    private func msaas(_ arguments: [String]) async throws -> (code: Int32, output: String, errors: String) {
        let running = try bench.start(arguments)
        return (await running.process.wait(), running.output, running.errors)
    }

    /// `MSAAS_KERNELS` goes before what was measured; what computes is said, and a version that is not there is refused.
    @Test func `the version of the kernels can be chosen`() async throws {
        for (name, code, said) in [
            ("baseline", 0, "Products in float32 (baseline)"), ("amx-portable", 0, "Products in bf16 (amx-portable)"),
            ("mmx", 1, "MSAAS_KERNELS is “mmx”; write one of"),
        ] as [(String, Int32, String)] {
            let output = studio.url("said by \(name)").path
            let process = try ChildProcess(
                [
                    Bench.executable.path, "separate", "-v", "--repo", "models", "-n", "four", "a song.v2.wav", "-o",
                    name,
                ], environment: ["MSAAS_KERNELS": name], output: output, directory: studio.directory.path)
            #expect(await process.wait() == code)
            #expect(try String(contentsOfFile: output, encoding: .utf8).contains(said), "\(name)")
        }
    }

    /// The ten lines of the library's documentation, as a program.
    @Test func `the example separates a track`() async throws {
        let example = Bench.executable.deletingLastPathComponent().appending(path: "separate-example")
        let process = try ChildProcess([
            example.path, studio.url("models/four.th").path, studio.url("a song.v2.wav").path,
            studio.url("stems").path,
        ])
        #expect(await process.wait() == 0)
        for stem in ["drums", "bass", "other", "vocals"] { #expect(try readTrack(studio.stem(stem))[0].count == 2500) }
    }

    /// The documentation shows the lines that the example runs.
    @Test func `the documentation is the example`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let page = try String(
            contentsOf: root.appending(path: "Sources/Engine/Separation/Separation.docc/Separation.md"),
            encoding: .utf8)
        let example = try String(contentsOf: root.appending(path: "Examples/separate/main.swift"), encoding: .utf8)
        let lines = page.split(separator: "```")[1].split(separator: "\n").dropFirst()
        #expect(lines.count == 6)
        for line in lines {
            // What differs is where model, track and stems are.
            let words = line.split(separator: "URL(filePath:")[0]
            #expect(example.contains(words.split(separator: "stem.name,")[0]), "\(line)")
        }
    }

    @Test func `products can be in bf16, which is said`() async throws {
        let isBF16 = Kernels.best(for: .bfloat16).precision == .bfloat16
        var stems: [[[Float]]] = []
        for precision in ["float32", "bf16"] {
            let result = try await msaas(
                "-n", "four", "a song.v2.wav", "--float32", "--shifts", "0", "--precision", precision, "-o", precision)
            #expect(result.code == 0, "\(result.errors)")
            let said = result.output.split(separator: "\n").first { $0.hasPrefix("Products in") }
            switch precision {
            case "float32": #expect(said == nil)
            default: #expect(said?.hasPrefix(isBF16 ? "Products in bf16 (" : "Products in float32 (") == true)
            }
            stems.append(try readTrack(studio.url("\(precision)/four/a song.v2/bass.wav"), sampleRate: 2000))
        }
        let error = zip(stems[0][0], stems[1][0]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        #expect(error <= 1e-3 * stems[0][0].reduce(0) { $0 + $1 * $1 })
        let refused = try await msaas("-n", "four", "a song.v2.wav", "--precision", "fp8")
        #expect(refused.code == 64)
        #expect(refused.errors.contains("float32"), "\(refused.errors)")
    }

    /// A quality gives what its parts give, a part that is named goes before it, and what it comes to is said beforehand.
    @Test(arguments: [
        (["--quality", "fast"], ["--shifts", "0", "--overlap", "0.1"], "fast (unshifted, overlap 0.1, "),
        (["--quality=balanced"], [], "balanced (1 shift, overlap 0.25, float32)"),
        (["--quality", "best"], ["--shifts", "4"], "best (4 shifts, overlap 0.25, float32)"),
        (["--quality", "best", "--shifts", "2"], ["--shifts", "2"], "best (2 shifts, overlap 0.25, float32)"),
        (
            ["--overlap", "0.5", "--quality", "fast", "--precision", "float32"],
            ["--overlap", "0.5", "--shifts", "0"], "fast (unshifted, overlap 0.5, float32)"
        ),
    ])
    func `a quality stands for shifts, overlap and precision`(
        words: [String], parts: [String], said: String
    ) async throws {
        let usual = ["-n", "four", "a song.v2.wav", "--float32", "--seed", "3"]
        let named = try await msaas(usual + words + ["-o", "named"])
        #expect(named.code == 0, "\(named.errors)")
        let sentence = try #require(named.errors.split(separator: "\n").first)
        #expect(sentence.hasPrefix("a song.v2.wav: " + said), "\(sentence)")
        #expect(sentence.hasSuffix(", 0:03 of audio, will take about 0:01."), "\(sentence)")
        let rounds = sentence.contains("bf16")
        let spelled = try await msaas(usual + parts + (rounds ? ["--precision", "bf16"] : []) + ["-o", "spelled"])
        #expect(spelled.errors == "")
        for stem in ["drums", "bass", "other", "vocals"] {
            let stems = try ["named", "spelled"].map {
                try Data(contentsOf: studio.url("\($0)/four/a song.v2/\(stem).wav"))
            }
            #expect(stems[0] == stems[1], "\(stem)")
        }
    }

    @Test func `an unknown quality is refused with those that there are`() async throws {
        let refused = try await msaas("-n", "four", "a song.v2.wav", "--quality", "ultra")
        #expect(refused.code == 64)
        #expect(refused.errors.contains("fast") && refused.errors.contains("best"), "\(refused.errors)")
    }

    private func written() throws -> [String] {
        try studio.contents().filter { !$0.hasPrefix("models") && !$0.hasSuffix("a song.v2.wav") && $0.contains(".") }
            .map { $0.replacing("a song.v2", with: "SONG") }
    }

    @Test func `stems go where the reference puts them`() async throws {
        let result = try await msaas("-n", "four", "a song.v2.wav")
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.output.contains("Model: four\n"))
        #expect(result.output.contains("Separating track a song.v2.wav\n"))
        let folder = studio.url("separated/four/a song.v2")
        let stems = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(stems == ["bass.wav", "drums.wav", "other.wav", "vocals.wav"])
        #expect(try readTrack(folder.appending(path: "bass.wav"), sampleRate: 2000).map(\.count) == [5000, 5000])
        #expect(result.errors == "")
    }

    @Test(arguments: [
        (["--two-stems", "bass"], ["bass.wav", "no_bass.wav"]),
        (["--two-stems=bass", "--other-method", "minus", "--flac", "--int24"], ["bass.flac", "minus_bass.flac"]),
        (["--two-stems", "bass", "--other-method", "none", "--float32"], ["bass.wav"]),
        (
            [
                "--float32", "--clip-mode", "none", "--shifts", "2", "--seed", "4", "--overlap", "0.1", "--segment",
                "0.5",
            ],
            ["bass.wav", "drums.wav", "other.wav", "vocals.wav"]
        ),
    ])
    func `flags choose the files`(flags: [String], files: [String]) async throws {
        let running = try start(
            ["-n", "both", "-o", "out", "--filename", "{stem}.{ext}", "-j", "2", "-d", "cpu", "-v", "a song.v2.wav"]
                + flags)
        #expect(await running.process.wait() == 0, "\(running.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: studio.url("out/both").path).sorted() == files)
    }

    @Test func `only the models run that two stems need, and the output says so`() async throws {
        let two = try await msaas("-n", "both", "--two-stems", "vocals", "-v", "a song.v2.wav")
        #expect(two.code == 0, "\(two.errors)")
        #expect(two.output.contains("1 of 2 models needed; no_vocals is the track minus vocals"), "\(two.output)")
        let folder = studio.url("separated/both/a song.v2").path
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["no_vocals.wav", "vocals.wav"])
        let sum = try await msaas("-n", "both", "--two-stems", "vocals", "--other-method", "add", "a song.v2.wav")
        #expect(!sum.output.contains("models needed"), "\(sum.output)")
    }

    @Test func `what a killed run left behind is gone after the next one`() async throws {
        try writeTrack(noise(frames: 2_000_000, channels: 2), to: studio.url("long.wav"), sampleRate: 2000)
        func partial() throws -> [String] { try studio.contents().filter { $0.hasSuffix(".partial") } }
        let killed = try start(["-n", "four", "--shifts", "50", "--filename", "{track}-{stem}.{ext}", "long.wav"])
        while killed.process.isRunning, try partial().count < 4 { try await Task.sleep(for: .milliseconds(5)) }
        // What another run is writing in the same folder is not touched.
        let other = try await msaas("-n", "four", "--filename", "{track}-{stem}.{ext}", "a song.v2.wav")
        #expect(other.code == 0, "\(other.errors)")
        #expect(try partial().count == 4)
        killed.process.kill()
        #expect(try partial().count == 4)
        let next = try await msaas("-n", "four", "--filename", "{track}-{stem}.{ext}", "a song.v2.wav")
        #expect(next.code == 0, "\(next.errors)")
        #expect(try partial() == [])
    }

    @Test func `a seed gives the same stems again`() async throws {
        for out in ["one", "two"] {
            #expect(try await msaas("-n", "four", "-o", out, "--seed", "3", "a song.v2.wav").code == 0)
        }
        let (one, two) = (studio.url("one/four/a song.v2/drums.wav"), studio.url("two/four/a song.v2/drums.wav"))
        #expect(try Data(contentsOf: one) == Data(contentsOf: two))
    }

    @Test func `bad tracks are told and do not keep the good ones waiting`() async throws {
        try Data("no song".utf8).write(to: studio.url("text.mp3"))
        let result = try await msaas("-n", "four", "missing.mp3", "text.mp3", "a song.v2.wav")
        #expect(result.code == 1)
        #expect(result.errors.contains("File missing.mp3 does not exist."))
        #expect(result.errors.contains("text.mp3 is text; there is no audio in it."))
        #expect(try written().filter { $0.hasSuffix("/drums.wav") } == ["separated/four/SONG/drums.wav"])
    }

    @Test(arguments: [
        (["--int24", "--float32"], "--int24 and --float32 contradict each other."),
        (["--flac", "--mp3"], "--flac and --mp3 contradict each other."),
        (["--no-split", "--segment", "1"], "--no-split and --segment contradict each other."),
        (["--no-split"], "--no-split cannot be done"),
        (["--name", "four", "--sig", "four"], "--name and --sig say the same"),
        (["--device", "cuda"], "The device cuda is not used here"),
        (["--mp3", "--mp3-bitrate", "999"], "An MP3 bitrate is between 8 and 320 kbit/s; 999 is not."),
        (["-n", "four", "--overlap", "1"], "The overlap is at least 0 and less than 1; 1.0 is not."),
        (["-n", "four", "--memory-limit", "a lot"], "--memory-limit is “a lot”; write a size such as 600M"),
        (["-n", "four", "--memory-limit", "20M"], "and --memory-limit allows 20 MB; raise the limit"),
        (
            ["-n", "four", "--segment", "2"],
            "A segment of 2 s is longer than this model was trained for; the longest is 1 s."
        ),
        (["-n", "four", "--two-stems", "piano"], "it is one of drums, bass, other, vocals."),
        (["-n", "four", "--filename", "{track}.{ext}"], "put {stem} into it."),
        (["-n", "four", "--filename", "{title}.{ext}"], "{title}.{ext}"),
        (["-n", "nothing"], "There is no model nothing"),
        (["-n", "four", "--clip-mode", "tanh"], "tanh"),
    ])
    func `what contradicts itself or does not exist is refused with a sentence, before anything is written`(
        flags: [String], sentence: String
    ) async throws {
        let running = try start(flags + ["a song.v2.wav"])
        #expect(await running.process.wait() != 0)
        #expect(running.errors.contains(sentence), "\(running.errors)")
        #expect(try written() == [])
    }

    @Test func `models are listed as by the reference, and no track is an error`() async throws {
        let list = try await msaas("--list-models")
        #expect(list.code == 0)
        #expect(list.output == "Bag of models:\n    both\nSingle models:\n    four\n    other\n")
        let nothing = try await msaas()
        #expect(nothing.code != 0)
        #expect(nothing.errors.contains("There is no track to separate"))
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func `a signal stops it, and nothing is left`(number: Int32)
        async throws
    {
        try writeTrack(noise(frames: 2_000_000, channels: 2), to: studio.url("long.wav"), sampleRate: 2000)
        let running = try start(["-n", "both", "--shifts", "50", "--threads", "1", "long.wav"])
        while running.process.isRunning, !running.output.contains("Separating track") {
            try await Task.sleep(for: .milliseconds(5))
        }
        running.process.signal(number)
        #expect(await running.process.wait() == 130)
        #expect(running.errors.contains("Stopped; nothing half-done was left."))
        #expect(try written() == ["long.wav"])
    }
}
