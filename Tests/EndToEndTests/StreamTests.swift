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
        let song = try DemoSong.cut(seconds: 2, to: folder.url)
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
        let session = try await Tmux(columns: 80, lines: 24, in: folder)
        try await session.run(
            "\(Places.products.path)/msaas up --data \(folder.path)/data --workers 0; echo $? > \(folder.path)/status")
        _ = try await eventually("it is up") {
            try await session.screen().contains("is running. Ctrl-C stops it.") ? true : nil
        }
        let data = folder.url.appending(path: "data")
        #expect(throws: Never.self) { try StackAddress.read(from: data) }
        session.close()
        _ = try await eventually("it is gone and took its address back") { () -> Bool? in
            FileManager.default.fileExists(atPath: data.path + "/stack.json") ? nil : true
        }
    }

    @Test func progressFitsATerminalOf40Columns() async throws {
        let song = try DemoSong.cut(
            seconds: 20, to: folder.url, name: "a song with quite a long name, sung in 樂.mp3")
        let session = try await Tmux(columns: 40, lines: 20, in: folder)
        try await session.run(
            "MSAAS_THREADS=1 \(Places.products.path)/msaas separate -n starter '\(song.path)' '\(song.path)' -o out; echo ended"
        )
        var bars: [Int] = []
        _ = try await eventually("it ends") { () -> Bool? in
            let screen = try await session.screen()
            bars.append(screen.split(separator: "\n").count { $0.contains(" % ") })
            return screen.contains("\nended") ? true : nil
        }
        #expect(bars.contains(1), "it was seen at work")
        let screen = try await session.screen()
        #expect(bars.max() == 1, "a line that wraps cannot be overwritten: \(screen)")
        #expect(screen.contains("1 of 1 tracks separated."))
    }

    @Test func namesDoNotCommandTheTerminal() async throws {
        let song = try DemoSong.cut(seconds: 1, to: folder.url)
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

/// A terminal of a certain size, in `tmux`.
final class Tmux: Sendable {
    private let socket: String

    init(columns: Int, lines: Int, in folder: TemporaryDirectory) async throws {
        socket = folder.path + "/tmux"
        _ = try await Program.run([
            "tmux", "-S", socket, "-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(lines)", "-c",
            folder.path,
            "/bin/sh",
        ])
    }

    deinit { close() }

    /// Types a line.
    func run(_ line: String) async throws {
        _ = try await Program.run(["tmux", "-S", socket, "send-keys", "-l", line])
        _ = try await Program.run(["tmux", "-S", socket, "send-keys", "Enter"])
    }

    /// What is to be seen.
    func screen() async throws -> String { try await Program.run(["tmux", "-S", socket, "capture-pane", "-p"]) }

    /// Closes the terminal: whoever runs in it gets a SIGHUP.
    func close() {
        let end = Process()
        end.executableURL = URL(filePath: "/usr/bin/env")
        end.arguments = ["tmux", "-S", socket, "kill-server"]
        end.standardError = FileHandle.nullDevice
        guard (try? end.run()) != nil else { return }
        end.waitUntilExit()
    }
}
