import Foundation
import Separation
import TestSupport
import Testing

/// Fitting a separation into a memory limit, and whether the estimate holds.
struct MemoryPlanTests {
    @Test func `as many threads run as fit, and what does not fit is refused with what it needs`() throws {
        let bag = try Bag.toy(training: [400_000])
        let lanes = LaneShape.lanes(bag: bag, options: plainOptions())
        let demand = MemoryDemand(bag: bag, members: [0], lanes: lanes, sources: 4)
        func plan(_ bytes: Int?) throws -> MemoryPlan {
            try MemoryPlan.choose(
                demand, weights: 170_000_000, threads: 8, limit: bytes.map { MemoryLimit(bytes: $0, source: "test") }
            ) { 100_000_000 + 10_000_000 * $0 }
        }
        let free = try plan(nil)
        #expect(free.threads == 8)
        // 4 × (input 2 + output 8 + sums 8 + track 4 + weights 3) × 400 000, four encoders, and the reserve.
        #expect(demand.buffers == 40_000_000 + 30_000_000 + 16_000_000)
        #expect(free.bytes >= 40_000_000 + 170_000_000 + 180_000_000 + demand.buffers)
        #expect(try plan(free.bytes) == MemoryPlan(free, limit: MemoryLimit(bytes: free.bytes, source: "test")))
        #expect(try plan(free.bytes - 1).threads == 7)
        #expect(try plan(free.bytes - 25_000_000).threads == 5)
        let least = try plan(free.bytes - 70_000_000)
        #expect(least.threads == 1)
        #expect(least.description.hasPrefix("1 thread, one segment at a time, at most "))
        let sentence = sentence { _ = try plan(least.bytes - 1) }
        #expect(sentence?.hasPrefix("The model toy needs ") == true)
        #expect(sentence?.contains("even with one thread (170 MB for weights, 110 MB to work in, ") == true)
        #expect(sentence?.hasSuffix("raise the limit or choose a smaller model.") == true)
    }

    @Test func `what cannot fit is refused before a model is loaded`() throws {
        let calls = ToySession.Calls()
        let bag = try Bag.toy(training: [400_000], calls: calls)
        let limit = MemoryLimit(bytes: 60_000_000, source: "--memory-limit")
        let sentence = sentence { _ = try Separator(bag: bag, options: plainOptions(), memoryLimit: limit) }
        #expect(sentence?.contains("and --memory-limit allows 60 MB;") == true)
        #expect(calls.loaded.withLock { $0 } == [])
        #expect(try Separator(bag: bag, options: plainOptions()).memory.threads == 3)
        #expect(calls.loaded.withLock { $0 } == [[0]])
    }

    private static let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "msaas")
    private static let models = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "models").path

    /// Runs `msaas separate` with the starter model; its exit code, what it said, and its peak of resident bytes.
    private func separate(_ arguments: [String], in studio: Studio) async throws -> (Int32, text: String, peak: Int) {
        let output = studio.url("output").path
        try? FileManager.default.removeItem(atPath: output)
        let process = try ChildProcess(
            [
                "python3", "-c",
                """
                import resource, subprocess, sys
                code = subprocess.call(sys.argv[1:])
                print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
                sys.exit(code)
                """,
                Self.executable.path, "separate", "-n", "starter", "--threads", "2", "-o", studio.url("out").path,
            ] + arguments,
            environment: ["MSAAS_MODELS": Self.models, "MSAAS_MEMORY_LIMIT": "none"], output: output)
        let code = await process.wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        let peak = text.split(separator: "\n").last.flatMap { Int($0.dropFirst("peak ".count)) } ?? 0
        return (code, text, peak * 1024)
    }

    @Test func `the process stays under the limit that it accepts, and refuses a smaller one`() async throws {
        let studio = try Studio()
        try writeTrack(noise(frames: 12 * 44_100, channels: 2), to: studio.url("track.wav"), sampleRate: 44_100)
        let track = studio.url("track.wav").path
        let free = try await separate(["-v", track], in: studio)
        #expect(free.0 == 0, "\(free.text)")
        let match = try #require(free.text.firstMatch(of: /2 threads, one segment at a time, at most (\d+) MB/))
        let megabytes = try #require(Int(match.1))
        for flags in [
            [], ["--mp3"], ["--flac", "--clip-mode", "clamp"], ["--float32", "--clip-mode", "none", "--shifts", "3"],
        ] {
            let limited = try await separate(["--memory-limit", "\(megabytes + 2)M", track] + flags, in: studio)
            #expect(limited.0 == 0, "\(limited.text)")
            #expect(limited.text.contains("(--memory-limit allows \(megabytes + 2) MB)"), "\(limited.text)")
            #expect(limited.peak > 0)
            #expect(limited.peak <= (megabytes + 2) * 1_000_000, "\(flags): \(limited.text)")
        }
        try FileManager.default.removeItem(at: studio.url("out"))
        let refused = try await separate(["--memory-limit", "\(megabytes / 2)M", track], in: studio)
        #expect(refused.0 != 0)
        #expect(refused.text.contains("The model starter needs"), "\(refused.text)")
        #expect(refused.peak <= megabytes * 1_000_000)
        #expect(!FileManager.default.fileExists(atPath: studio.url("out").path))
    }
}

extension MemoryPlan {
    /// The same under a limit.
    fileprivate init(_ plan: MemoryPlan, limit: MemoryLimit) {
        self = plan
        self.limit = limit
    }
}
