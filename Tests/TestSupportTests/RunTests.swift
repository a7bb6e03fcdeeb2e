import Foundation
import TestSupport
import Testing

/// What a run of the tests starts or makes goes with it.
struct RunTests {
    private static let isRehearsal = ProcessInfo.processInfo.environment["MSAAS_REHEARSAL"]

    /// What a careless test leaves: a server, a grandchild in a session of its own, a folder. Only ``aKilledRunnerLeavesNothing``
    /// runs this, in another process, and kills it.
    @Test(.enabled(if: isRehearsal != nil)) func rehearsal() async throws {
        let redis = try ServerProcess.redis()
        let folder = try TemporaryDirectory()
        let note = folder.path + "/grandchild"
        let child = try ChildProcess(["sh", "-c", "setsid sleep 600 & echo $! > '\(note)'; wait"])
        try await eventually("the grandchild is there") { FileManager.default.fileExists(atPath: note) }
        func number() -> Int32? {
            let text = try? String(contentsOfFile: note, encoding: .utf8)
            return text.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        }
        try await eventually("its number is written") { number() != nil }
        let grandchild = try #require(number())
        let lines = [
            Places.run.path, "\(redis.processIdentifier)", "\(child.processIdentifier)", "\(grandchild)",
        ]
        try lines.joined(separator: "\n").write(
            toFile: try #require(Self.isRehearsal), atomically: true, encoding: .utf8)
        try await Task.sleep(for: .seconds(600))
    }

    @Test(.enabled(if: isRehearsal == nil), arguments: [SIGKILL, SIGTERM]) func aKilledRunnerLeavesNothing(
        signal: Int32
    ) async throws {
        let folder = try TemporaryDirectory()
        let report = folder.path + "/report"
        // A run of its own, as if it had been started by hand.
        let runner = try ChildProcess(
            [
                "env", "-u", "MSAAS_TEST_RUN", "MSAAS_REHEARSAL=\(report)", Places.runner.path, "--testing-library",
                "swift-testing", "--filter", "RunTests/rehearsal",
            ], output: folder.path + "/log")
        try await eventually("all of it is there") {
            guard runner.isRunning else {
                throw TestFailure(try String(contentsOfFile: folder.path + "/log", encoding: .utf8))
            }
            return FileManager.default.fileExists(atPath: report)
        }
        let lines = try String(contentsOfFile: report, encoding: .utf8).split(separator: "\n").map(String.init)
        let processes = lines.dropFirst().compactMap(Int32.init)
        #expect(processes.count == 3 && lines[0] != Places.run.path)
        for process in processes { #expect(Self.isAlive(process)) }
        runner.signal(signal)
        _ = await runner.wait()
        try await eventually("its folder is gone") { !FileManager.default.fileExists(atPath: lines[0]) }
        for process in processes { #expect(!Self.isAlive(process), "\(process) is still there") }
    }

    /// Whether the process is there, and not dead and merely unburied, as orphans may be in a container.
    private static func isAlive(_ process: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return status.split(separator: ")").last?.hasPrefix(" Z") == false
    }

    /// What `make test` ends with.
    @Test func whatIsLeftIsSaid() async throws {
        let keeper = Places.repository.appending(path: "Tests/TestRun/keeper.sh").path
        let folder = try TemporaryDirectory()
        try await Program.run([keeper, "left", folder.path])
        #expect(!FileManager.default.fileExists(atPath: folder.path))
        let full = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: full.path + "/msaas-test-1", withIntermediateDirectories: true)
        let sleeper = try ChildProcess(["sleep", "600"], directory: full.path)
        let result = try await Program.result([keeper, "left", full.path])
        #expect(result.code != 0)
        #expect(result.text.contains("msaas-test-1"))
        #expect(result.text.contains("process \(sleeper.processIdentifier): sleep 600"))
        #expect(await sleeper.wait() == 128 + SIGKILL)
    }
}
