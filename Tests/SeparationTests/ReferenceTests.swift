import Foundation
import TestSupport
import Testing

/// `msaas separate` takes the command line of the reference, `demucs` 4.1.0.
struct ReferenceTests {
    /// A flag of the reference as `Reference/make_flags.py` wrote it down.
    struct Flag: Decodable, Sendable, CustomStringConvertible {
        let names: [String]
        let takesValue: Bool
        let choices: [String]?
        var description: String { names.joined(separator: ", ") }
    }

    static let flags: [Flag] = {
        let file = GoldenTests.folder.deletingLastPathComponent().appending(path: "Reference/demucs_flags.json")
        return (try? JSONDecoder().decode([Flag].self, from: Data(contentsOf: file))) ?? []
    }()

    /// A value for a flag that takes any.
    private static let values = [
        "--sig": "four", "--name": "four", "--repo": "models", "--out": "out", "--filename": "{track}-{stem}.{ext}",
        "--device": "cpu", "--shifts": "2", "--overlap": "0.1", "--segment": "1", "--two-stems": "bass",
        "--mp3-bitrate": "128", "--jobs": "2",
    ]

    @Test func `the list is whole`() { #expect(Self.flags.count == 23) }

    /// Each name, each choice, and the shortest beginning that only this flag of the reference has.
    @Test(arguments: flags) func `every flag is taken or explained`(flag: Flag) async throws {
        let bench = try Bench(tracks: ["a.wav": 2000])
        let long = try #require(flag.names.last)
        let others = Self.flags.flatMap(\.names).filter { $0 != long }
        let beginning = (3...long.count).map { String(long.prefix($0)) }
            .first { beginning in !others.contains { $0.hasPrefix(beginning) } }
        var lines: [[String]] = []
        for name in flag.names + [beginning].compactMap({ $0 }) {
            guard flag.takesValue else {
                lines.append([name])
                continue
            }
            let values = flag.choices ?? Self.values[long].map { [$0] }
            for value in try #require(values, "\(long) is new: what does it take?") {
                lines += [[name, value], [name + (name.hasPrefix("--") ? "=" : "") + value]]
            }
        }
        for line in lines {
            let rest = (long == "--sig" || long == "--name" ? [] : ["-n", "four"]) + ["a.wav"]
            let running = try bench.run(
                ["msaas", "separate"] + (long == "--repo" ? [] : ["--repo", "models"]) + line + rest)
            let code = await running.process.wait()
            switch long {
            case "--no-split":
                #expect(running.errors.contains("--no-split cannot be done: HTDemucs works on segments"))
            case "--help": #expect(code == 0 && running.output.contains("USAGE: msaas separate"), "\(line)")
            case "--list-models": #expect(code == 0 && running.output.contains("Single models:\n    four"), "\(line)")
            default: #expect(code == 0, "\(line): \(running.errors)")
            }
        }
    }

    @Test func `everything at once, as argparse takes it`() async throws {
        let bench = try Bench(tracks: ["a.wav": 2000, "-b.wav": 2000])
        let run = try await bench.msaas(
            "-vj2", "-nfour", "-oout", "--two-stem", "vocals", "--other=minus", "--fla", "--int", "-d=cpu", "a.wav",
            "--", "-b.wav")
        #expect(run.code == 0, "\(run.errors)")
        #expect(
            try bench.files("out")
                == [
                    "four/-b/minus_vocals.flac", "four/-b/vocals.flac", "four/a/minus_vocals.flac",
                    "four/a/vocals.flac",
                ])
    }

    @Test(arguments: [
        (["--mp", "a.wav"], "--mp could be --mp3, --mp3-bitrate, --mp3-preset; write it out."),
        (["-d", "cuda", "a.wav"], "The device cuda is not used here; the separation runs on the CPU"),
        (["--shifts", "-1", "a.wav"], "The number of shifts is between 0 and 1000; -1 is not."),
        (["--mp3-preset", "9", "--mp3", "a.wav"], "preset"),
        (["-n"], "Missing value for '--name <name>'"),
        (["--flac", "--mp3", "a.wav"], "--flac and --mp3 contradict each other."),
        (["--tow-stems", "vocals", "a.wav"], "Unknown option '--tow-stems'"),
    ])
    func `what is wrong is explained`(arguments: [String], sentence: String) async throws {
        let bench = try Bench(tracks: ["a.wav": 2000])
        let running = try bench.start(["-n", "four"] + arguments)
        #expect(await running.process.wait() != 0)
        #expect(running.errors.contains(sentence), "\(running.errors)")
        #expect(!running.errors.contains("<subcommand>"))
    }
}
