import Foundation
import LocalStack
import ServiceContract
import TestSupport
import Testing

/// What our programs say where nobody can hear it, and on small terminals.
@Suite struct StreamTests {
    private let folder: TemporaryDirectory
    private static let programs = ["msaas", "worker", "function-host", "autoscaler"]

    init() throws { folder = try TemporaryDirectory() }

    /// Runs a line of the shell in which `$BIN` is the folder of our programs and `$SONG` the demo song.
    private func shell(_ line: String) async throws -> (code: Int32, output: String) {
        let output = folder.path + "/said"
        try? FileManager.default.removeItem(atPath: output)
        let process = try ChildProcess(
            ["/bin/bash", "-c", line],
            environment: [
                "BIN": Places.products.path, "SONG": DemoSong.file.path,
                "MSAAS_MODELS": Places.repository.appending(path: "models").path,
            ], output: output, directory: folder.path)
        let code = await process.wait()
        return (code, String(decoding: (try? Data(contentsOf: URL(filePath: output))) ?? Data(), as: UTF8.self))
    }

    @Test(arguments: programs) func everyProgramTellsItsVersion(program: String) async throws {
        let said = try await shell("$BIN/\(program) --version")
        #expect(said.code == 0)
        #expect(said.output == serviceVersion + "\n")
    }

    @Test(arguments: [
        "msaas models", "msaas jobs --server http://127.0.0.1:1", "msaas score . .", "msaas key studio",
        "msaas nonsense", "autoscaler simulate steady", "autoscaler trace steady",
        "autoscaler dashboard --once --redis-url redis://127.0.0.1:1",
        "autoscaler run", "function-host --list", "function-host --port 99999999", "worker --help", "worker",
    ])
    func nothingTrapsWhereNothingCanBeWritten(command: String) async throws {
        let plain = try await shell("REDIS_URL=redis://127.0.0.1:1 timeout 20 $BIN/\(command) > /dev/null 2>&1")
        for streams in ["> /dev/full", "2> /dev/full", "> /dev/full 2>&1", ">&-", "2>&-", "<&- >&- 2>&-"] {
            let code = try await shell(
                "REDIS_URL=redis://127.0.0.1:1 timeout 20 $BIN/\(command) \(streams) || exit $?"
            ).code
            // What cannot be said makes no more than a 1 of a 0.
            #expect(code == plain.code || plain.code == 0 && code == 1, "\(command) \(streams): \(code)")
        }
    }

    @Test func aSeparationGoesOnWithoutAnybodyToTell() async throws {
        let song = try await DemoSong.cut(seconds: 2, to: folder.url)
        for (index, (streams, code)) in [
            ("> /dev/full", 1), ("2> /dev/full", 0), (">&- 2>&-", 0), ("| true; exit ${PIPESTATUS[0]}", 1),
        ].enumerated() {
            let run = try await shell("$BIN/msaas separate -n starter \(song.path) -o \(index) \(streams)")
            #expect(Int(run.code) == code, "\(streams): \(run.output)")
            let stems = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/\(index)/starter/clip")
            #expect(stems.sorted() == ["bass.wav", "drums.wav", "other.wav", "vocals.wav"])
            let head = try FileHandle(forReadingFrom: folder.url.appending(path: "\(index)/starter/clip/bass.wav"))
            #expect(try head.read(upToCount: 4) == Data("RIFF".utf8), "what was said went into a file")
        }
    }

    /// The terminal goes away while the service runs: it ends as with Ctrl-C and leaves nobody behind.
    @Test func aServiceWhoseTerminalClosesEndsInOrder() async throws {
        let terminal = try await Tmux(
            columns: 80, lines: 24,
            "\(Places.products.path)/msaas up --data \(folder.path)/data --workers 0; echo $? > \(folder.path)/status")
        try await terminal.wait("it is up") { $0.contains("is running. Ctrl-C stops it.") }
        let data = folder.url.appending(path: "data")
        #expect(throws: Never.self) { try StackAddress.read(from: data) }
        terminal.close()
        _ = try await eventually("it is gone and took its address back") { () -> Bool? in
            FileManager.default.fileExists(atPath: data.path + "/stack.json") ? nil : true
        }
    }

    @Test func progressFitsATerminalOf40Columns() async throws {
        let song = try await DemoSong.cut(
            seconds: 20, to: folder.url, name: "a song with quite a long name, sung in 樂.mp3")
        let terminal = try await Tmux(
            columns: 40, lines: 20, environment: ["MSAAS_THREADS": "1"], directory: folder.path,
            "\(Places.products.path)/msaas separate -n starter '\(song.path)' '\(song.path)' -o out")
        let screen = try await terminal.wait("it ends") { $0.contains("ended 0") }
        #expect(screen.contains("1 of 1 tracks separated."))
        // A line that wraps cannot be overwritten: what it leaves would still be there.
        #expect(!screen.contains(" % "), "\(screen)")
        let lines = try terminal.recorded().replacing(/\x1b\[[0-9;?]*[A-Za-z]/, with: "").split { $0.isNewline }
        let bars = lines.filter { $0.contains(" % ") }
        #expect(!bars.isEmpty, "it was seen at work")
        for bar in bars { #expect(Self.columns(bar) <= 40, "\(bar)") }
    }

    /// How wide a text is on a terminal, where 樂 takes two columns.
    private static func columns(_ text: some StringProtocol) -> Int {
        text.reduce(0) { $0 + ($1 == "樂" ? 2 : 1) }
    }

    @Test func namesDoNotCommandTheTerminal() async throws {
        let song = try await DemoSong.cut(seconds: 1, to: folder.url)
        let name = folder.path + "/a\u{1b}[2J\u{9b}31m\u{202e}b.mp3"
        try FileManager.default.moveItem(atPath: song.path, toPath: name)
        let bad = folder.path + "/\u{1b}]0;owned\u{7}.mp3"
        try Data("text".utf8).write(to: URL(filePath: bad))
        for command in [
            "separate -v -n starter *.mp3 /no/\u{1b}[1m", "submit --server http://127.0.0.1:1 *.mp3",
            "score $'\\e[1m' .",
            "separate -n $'\\e[1m' *.mp3", "separate --$'\\e[1m'", "fetch $'\\e[1m'", "logs --job $'\\e[1m'",
        ] {
            let run = try await shell("timeout 60 $BIN/msaas \(command)")
            for sign in ["\u{1b}", "\u{9b}", "\u{202e}", "\u{7}"] {
                #expect(!run.output.contains(sign), "\(command): \(run.output)")
            }
        }
    }

    @Test func errorsAfterTheStartComeWithoutUsage() async throws {
        for command in [
            "msaas demo /no/song", "msaas score /no /stems", "msaas rules --lease-seconds=-1",
            "msaas models verify nonsense",
            "autoscaler simulate /no/trace", "autoscaler dashboard --once --data /no",
        ] {
            let run = try await shell("$BIN/\(command)")
            #expect(run.code == 1, "\(command)")
            #expect(run.output.hasPrefix("Error: "), "\(run.output)")
            #expect(!run.output.lowercased().contains("usage"), "\(run.output)")
        }
        let usage = try await shell("$BIN/msaas submit --shifts many x.mp3")
        #expect(usage.code == 64)
        #expect(usage.output.contains("Usage: msaas submit"), "\(usage.output)")
    }
}
