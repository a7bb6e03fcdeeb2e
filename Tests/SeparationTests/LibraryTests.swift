import Foundation
import TestSupport
import Testing

/// `msaas separate` and `msaas watch` with many tracks.
struct LibraryTests {
    private static let stems = ["bass.wav", "drums.wav", "other.wav", "vocals.wav"]

    @Test func `of a folder the music is separated, and one bad file stops nothing`() async throws {
        let bench = try Bench(tracks: ["lib/one.wav": 5000, "lib/Album/two.WAV": 5000, "lib/.hidden.wav": 5000])
        try Data([0, 5, 0x16, 7]).write(to: bench.studio.url("lib/._one.wav"))
        try Data([0xff, 0xd8, 0xff]).write(to: bench.studio.url("lib/cover.jpg"))
        try Data("no song".utf8).write(to: bench.studio.url("lib/Album/bad.mp3"))
        try FileManager.default.createSymbolicLink(
            at: bench.studio.url("lib/Album/loop"), withDestinationURL: bench.studio.url("lib"))
        let flat = try await bench.msaas("-n", "four", "lib", "-o", "flat")
        #expect(flat.code == 0, "\(flat.errors)")
        #expect(flat.errors.contains("lib: 1 folder in it left out; --recursive takes them, too."))
        #expect(try bench.files("flat") == Self.stems.map { "four/one/\($0)" })

        let all = try await bench.msaas("-n", "four", "-r", "lib", "-o", "all")
        #expect(all.code == 1)
        #expect(all.output.hasSuffix("\n2 of 3 tracks separated, 1 failed.\n"), "\(all.output)")
        #expect(all.errors == "lib/Album/bad.mp3 is text; there is no audio in it.\n")
        #expect(
            try bench.files("all") == Self.stems.map { "four/Album/two/\($0)" } + Self.stems.map { "four/one/\($0)" })

        let nothing = try await bench.msaas("-n", "four", "models")
        #expect(nothing.code == 1)
        #expect(nothing.errors.contains("models: there is no music in this folder."))
    }

    @Test(arguments: ["separated", "."]) func `its own stems are not separated again`(out: String) async throws {
        let bench = try Bench(tracks: ["a.wav": 3000])
        for _ in 0..<2 {
            let run = try await bench.msaas("-n", "four", "-r", ".", "-o", out)
            #expect(run.code == 0, "\(run.errors)")
            #expect(run.output.hasSuffix("\n1 of 1 tracks separated.\n"), "\(run.output)")
        }
        #expect(try bench.files("four/four") == [])
    }

    @Test func `tracks of one name are kept apart, and it is said`() async throws {
        let bench = try Bench(tracks: ["a.wav": 5000])
        try bench.track("twin/a.wav", level: 0)
        let run = try await bench.msaas("-n", "four", "a.wav", "twin/a.wav", "./a.wav", "a.wav")
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.errors.contains("twin/a.wav: its name is taken; its stems go to a (2)."))
        #expect(run.output.hasSuffix("3 of 3 tracks separated.\n"), "\(run.output)")
        func peak(_ folder: String) throws -> Float {
            try readTrack(bench.studio.url("separated/four/\(folder)/drums.wav"), sampleRate: 2000).joined().map(abs)
                .max()
                ?? -1
        }
        #expect(try peak("a") > 0)
        #expect(try peak("a (2)") == 0)
    }

    @Test(arguments: [
        (["--filename", "{stem}.{ext}", "a.wav", "twin/a.wav"], "put {track} into it"),
        (
            ["-n", "four", "-o", "out", "out/four/x/drums.wav", "--filename", "x/{stem}.{ext}"],
            "would take the place of the track"
        ),
    ])
    func `what would overwrite a track or another's stems is refused before the start`(
        arguments: [String], sentence: String
    ) async throws {
        let bench = try Bench(tracks: ["a.wav": 3000, "twin/a.wav": 3000, "out/four/x/drums.wav": 3000])
        let before = try bench.files()
        let running = try bench.start(["-n", "four"] + arguments)
        let code = await running.process.wait()
        #expect(code == 1)
        #expect(running.errors.contains(sentence), "\(running.errors)")
        #expect(try bench.files() == before)
    }

    @Test func `what is there already is left out, unless the track is newer`() async throws {
        let bench = try Bench(tracks: ["a.wav": 3000, "b.wav": 3000])
        #expect(try await bench.msaas("-n", "four", "a.wav").code == 0)
        let second = try await bench.msaas("-n", "four", "--skip-existing", "a.wav", "b.wav")
        #expect(second.code == 0)
        #expect(second.output.hasSuffix("\n1 of 2 tracks separated, 1 was there already.\n"), "\(second.output)")
        try FileManager.default.removeItem(at: bench.studio.url("separated/four/b/bass.wav"))
        try FileManager.default.setAttributes(
            [.modificationDate: Date() + 60], ofItemAtPath: bench.studio.url("a.wav").path)
        let third = try await bench.msaas("-n", "four", "--skip-existing", "a.wav", "b.wav")
        #expect(third.output.hasSuffix("\n2 of 2 tracks separated.\n"), "\(third.output)")
    }

    @Test func `several tracks at a time give the same stems, as many as memory allows`() async throws {
        let names = (1...5).map { "\($0).wav" }
        let bench = try Bench()
        for (index, name) in names.enumerated() { try bench.track(name, frames: 4000 + 500 * index) }
        for (jobs, out) in [("1", "one"), ("3", "three")] {
            let running = try bench.start(["-n", "both", "--shifts", "0", "-j", jobs, "-o", out] + names)
            #expect(await running.process.wait() == 0, "\(running.errors)")
            #expect(running.output.hasSuffix("5 of 5 tracks separated.\n"))
        }
        for name in try bench.files("one") {
            #expect(
                try Data(contentsOf: bench.studio.url("one/\(name)"))
                    == Data(contentsOf: bench.studio.url("three/\(name)")),
                "\(name)")
        }
        let little = try bench.start(["-n", "both", "-j", "1000", "--memory-limit", "200M", "-o", "little"] + names)
        #expect(await little.process.wait() == 0, "\(little.errors)")
        #expect(little.output.contains(" of 1000 tracks at a time."), "\(little.output)")
    }

    @Test func `an interrupted batch says what was done`() async throws {
        let bench = try Bench(tracks: ["1.wav": 3000, "2.wav": 2_000_000, "3.wav": 3000, "4.wav": 60_000])
        let running = try bench.start(["-n", "both", "--shifts", "50", "--threads", "1", "1.wav", "2.wav", "3.wav"])
        try await running.says("Separating track 2.wav")
        running.process.signal(SIGHUP)
        #expect(await running.process.wait() == 130)
        #expect(running.output.hasSuffix("\n1 of 3 tracks separated, 2 not begun.\n"), "\(running.output)")
        #expect(try bench.files("separated") == Self.stems.map { "both/1/\($0)" })
        // Whoever has SIGHUP ignored beforehand wants it to go on.
        let away = try bench.run([
            "trap '' HUP; exec $BIN/msaas separate --repo models -n four --shifts 20 4.wav -o away"
        ])
        try await away.says("Separating track 4.wav")
        away.process.signal(SIGHUP)
        #expect(await away.process.wait() == 0)
    }

    @Test func `a full disk ends the batch`() async throws {
        let bench = try Bench(tracks: ["1.wav": 60_000, "2.wav": 60_000])
        let run = try await bench.ended("ulimit -f 100; exec $BIN/msaas separate --repo models -n four 1.wav 2.wav")
        #expect(run.code == 1, "\(run.errors)")
        #expect(run.output.hasSuffix("\n0 of 2 tracks separated, 1 failed, 1 not begun.\n"), "\(run.output)")
        #expect(try bench.files("separated") == [])
    }

    @Test func `names that are bytes, or nothing but dots, are kept`() async throws {
        let bench = try Bench(tracks: ["...wav": 3000, "x.wav": 3000])
        let run = try await bench.ended(
            """
            n=$(printf 'caf\\351'); mkdir "d$n"; mv x.wav "d$n/$n.wav"; m=$PWD/models
            $BIN/msaas separate --repo $m -n four ...wav "d$n/$n.wav" -o "o$n" &&
            $BIN/msaas separate --repo $m -n four "d$n/$n.wav" -o flat --filename "{track}-{stem}.{ext}" &&
            cd "d$n" && $BIN/msaas separate --repo $m -n four -r . -o o &&
            cd .. && LC_ALL=C find . -path ./models -prune -o -type f -print | LC_ALL=C sort | LC_ALL=C tr '\\351' E
            """)
        #expect(run.code == 0, "\(run.errors)")
        let found = run.output.split(separator: "\n").filter { $0.hasPrefix("./") }.map { String($0.dropFirst(2)) }
        #expect(
            found
                == ["...wav"] + ["dcafE/cafE.wav"] + Self.stems.map { "dcafE/o/four/cafE/\($0)" }
                + Self.stems.map { "flat/four/cafE-\($0)" } + Self.stems.map { "ocafE/four/...wav/\($0)" }
                + Self.stems.map { "ocafE/four/cafE/\($0)" })
        #expect(run.output.contains("Separating track dcaf\u{FFFD}/caf\u{FFFD}.wav"))
        let gone = try await bench.ended("$BIN/msaas separate --repo models -n four \"$(printf 'no\\377.wav')\"")
        #expect(gone.code == 1)
        #expect(
            gone.errors == "File no\u{FFFD}.wav does not exist. If its name has spaces in it, put quotes around it.\n")
    }

    @Test func `what is dropped into a watched folder is separated once`() async throws {
        let bench = try Bench(tracks: ["in/early.wav": 3000, "b.wav": 40_000])
        func watch() throws -> Bench.Running {
            try bench.run(["msaas", "watch", "in", "--repo", "models", "-n", "four", "-o", "out", "--settle", "0.5"])
        }
        let first = try watch()
        try await first.says("1 of 1 tracks separated.")
        // A copy in two pieces, open in between for longer than it takes to settle; then under its last name.
        let whole = try Data(contentsOf: bench.studio.url("b.wav"))
        let copy = bench.studio.url("in/copy.wav")
        try whole.prefix(100_000).write(to: copy)
        let handle = try FileHandle(forWritingTo: copy)
        try handle.seekToEnd()
        try await Task.sleep(for: .seconds(1.5))
        try handle.write(contentsOf: whole.dropFirst(100_000))
        try handle.close()
        try Data("no song".utf8).write(to: bench.studio.url("in/bad.mp3"))
        try bench.track("in/.later.wav", frames: 3000)
        try FileManager.default.moveItem(at: bench.studio.url("in/.later.wav"), to: bench.studio.url("in/later.wav"))
        let all = Set(["copy", "early", "later"].flatMap { song in Self.stems.map { "four/\(song)/\($0)" } })
        try await eventually("all is there: \(first.output)\(first.errors)") { Set(try bench.files("out")) == all }
        #expect(try readTrack(bench.studio.url("out/four/copy/bass.wav"), sampleRate: 2000)[0].count == 40_000)
        try await first.says("bad.mp3 is text")
        // A file that is done is the same under another name.
        try FileManager.default.moveItem(at: copy, to: bench.studio.url("in/renamed.wav"))
        try bench.track("in/last.wav", frames: 3000)
        try await first.says("Separating track in/last.wav")
        first.process.signal(SIGTERM)
        #expect(await first.process.wait() == 130)
        #expect(!first.output.contains("renamed.wav"), "\(first.output)")
        #expect(first.output.components(separatedBy: "Separating track in/copy.wav").count == 2)
        #expect(first.errors.components(separatedBy: "bad.mp3 is text").count == 2)

        try FileManager.default.removeItem(at: bench.studio.url("in/renamed.wav"))
        try bench.track("in/new.wav", frames: 3000)
        let second = try watch()
        try await second.says("Separating track in/new.wav")
        try await eventually("it is done: \(second.output)") {
            FileManager.default.fileExists(atPath: bench.studio.url("out/four/new/bass.wav").path)
        }
        second.process.signal(SIGINT)
        #expect(await second.process.wait() == 130)
        #expect(!second.output.contains("early.wav"), "\(second.output)")
        #expect(!(try bench.files("out")).contains { $0.contains(".partial") })
    }
}
