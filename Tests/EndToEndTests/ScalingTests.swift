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
        settings.idleWindow = .seconds(2)
        settings.targetJobsPerWorker = 1
        return settings
    }

    @Test func workersComeWithTheFirstJobAndGoAfterTheLast() async throws {
        try await RunningStack.run(workers: 3, scaling: quick) { stack in
            let folder = try TemporaryDirectory()
            let board = RedisAutoscalerBoard(queue: try RedisJobQueue(url: stack.address.redis, options: .init()))
            _ = try await eventually("the autoscaler's first look") { try await board.read() }
            #expect(stack.workerProcesses.isEmpty)
            for wave in 0..<3 {
                let begin = ContinuousClock.now
                var jobs: [String] = []
                for number in 0..<(wave == 0 ? 1 : 8) {
                    let clip = try DemoSong.cut(seconds: 1, to: folder.url, name: "\(wave)-\(number).mp3")
                    jobs.append(try await stack.client.upload(clip))
                }
                _ = try await eventually("a worker") { stack.workerProcesses.isEmpty ? nil : true }
                print("wave \(wave): the first worker came \(ContinuousClock.now - begin) after the first upload began")
                for job in jobs {
                    let status = try await stack.client.follow(job) { _ in }
                    #expect(status.state == "done", "\(status)")
                }
                _ = try await eventually("the last worker's end") { stack.workerProcesses.isEmpty ? true : nil }
            }
            let queue = try RedisJobQueue(url: stack.address.redis, options: .init())
            let all = try await queue.recent(limit: 100)
            #expect(all.count == 17 && all.allSatisfy { $0.state == .done && $0.attempts == 1 })
        }
    }
}

extension RunningStack {
    /// The processes of all workers.
    fileprivate var workerProcesses: [Int32] { (1...9).flatMap { processes(with: "WORKER_ID=worker-\($0)") } }
}
