import Controller
import Foundation
import Jobs
import ServiceContract
import Simulator
import TestSupport
import Testing

/// `autoscaler trace --from-log`: what came to a service, to be played again.
@Suite struct TraceLogTests {
    private let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(
        path: "autoscaler"
    ).path

    @Test func whatCameIsATrace() async throws {
        let redis = try ServerProcess.redis()
        let queue = try redis.queue()
        let address = ["--redis-url", "redis://127.0.0.1:\(redis.port)"]
        await #expect(throws: (any Error).self) {
            _ = try await Program.run([program, "trace", "--from-log"] + address)
        }
        for _ in 0..<3 { _ = try await queue.enqueue(newJob()) }
        for seconds in [100.0, 200] {
            let claim = try #require(try await queue.claim(worker: "w\(seconds)", wait: .seconds(10)))
            _ = try await queue.report(claim, progress: 0.5, audioSeconds: seconds)
        }
        let trace = try Trace(
            name: "log", text: try await Program.run([program, "trace", "--from-log"] + address))
        #expect(trace.arrivals.map(\.audio).sorted() == [100, 150, 200], "what nobody has measured counts as the mean")
        #expect(trace.arrivals.first?.at == 0 && trace.span < 60)
    }

    @Test func aPromiseIsKeptOrNot() {
        var statistics = JobStatistics()
        #expect(statistics.kept(within: .seconds(60)) == nil)
        for wait in [1.0, 59, 61, 600] {
            var job = newJob()
            (job.state, job.audioSeconds) = (.done, 100)
            job.createdAt = Date(timeIntervalSince1970: 1000)
            job.startedAt = Date(timeIntervalSince1970: 1000 + wait)
            job.finishedAt = Date(timeIntervalSince1970: 2000)
            statistics.record(job)
        }
        #expect(statistics.kept(within: .seconds(60)) == 0.5)
    }
}
