import Foundation
import Jobs
import Policy
import ServiceClient
import TestSupport
import Testing

/// Workers come with the jobs and go after them.
@Suite(.serialized) struct ScalingTests {
    private var quick: Settings {
        var settings = Settings()
        settings.growthPeriod = .seconds(1)
        settings.stabilisationWindow = .seconds(1)
        settings.settleWindow = .seconds(1)
        settings.idleWindow = .seconds(2)
        settings.targetJobsPerWorker = 1
        return settings
    }

    /// More of both make a longer trial.
    private let waves = Self.number("SCALING_WAVES") ?? 3
    private let songs = Self.number("SCALING_SONGS") ?? 6

    private static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
    }

    @Test func workersComeWithTheFirstJobAndGoAfterTheLast() async throws {
        try await RunningStack.run(workers: 3, scaling: quick) { stack in
            let folder = try TemporaryDirectory()
            let board = RedisAutoscalerBoard(queue: try RedisJobQueue(url: stack.address.redis, options: .init()))
            _ = try await eventually("the autoscaler's first look") { try await board.read() }
            #expect(stack.workerProcesses.isEmpty)
            let clip = try await DemoSong.cut(seconds: 1, to: folder.url)
            for wave in 0..<waves {
                let begin = ContinuousClock.now
                var jobs = [try await stack.client.upload(clip)]
                _ = try await eventually("a worker") { stack.workerProcesses.isEmpty ? nil : true }
                print("wave \(wave): the first worker was there \(ContinuousClock.now - begin) after the upload began")
                for _ in 1..<songs { jobs.append(try await stack.client.upload(clip)) }
                for job in jobs {
                    let status = try await stack.client.follow(job) { _ in }
                    #expect(status.state == .done, "\(status)")
                }
                _ = try await eventually("the last worker's end") { stack.workerProcesses.isEmpty ? true : nil }
            }
            let queue = try RedisJobQueue(url: stack.address.redis, options: .init())
            let all = try await queue.recent(limit: 10_000)
            #expect(all.count == waves * songs && all.allSatisfy { $0.state == .done })
            #expect(all.allSatisfy { $0.attempts == 1 }, "no worker went while it held a job")
        }
    }
}

extension RunningStack {
    /// The processes of all workers.
    fileprivate var workerProcesses: [Int32] { (1...9).flatMap { processes(with: "WORKER_ID=worker-\($0)") } }
}
