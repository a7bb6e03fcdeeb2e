import Foundation
import Jobs
import ServiceContract
import TestSupport

/// A Redis with jobs, workers and an autoscaler's record in it, and the program that looks at it.
struct Service {
    let redis: ServerProcess
    let queue: RedisJobQueue
    let board: RedisAutoscalerBoard

    init(redis: ServerProcess? = nil) throws {
        self.redis = try redis ?? ServerProcess.redis()
        queue = try RedisJobQueue(
            url: "redis://127.0.0.1:\(self.redis.port)", options: QueueOptions(lease: .seconds(600), maxAttempts: 1))
        board = RedisAutoscalerBoard(queue: queue)
    }

    var url: String { "redis://127.0.0.1:\(redis.port)/0" }

    /// The built program, beside the tests.
    static let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(
        path: "autoscaler"
    ).path

    var dashboard: String { "'\(Self.program)' dashboard --interval 0.2 --redis-url \(url)" }

    /// Six jobs: one waits, two are worked on, one is dead, two waiting.
    func fill() async throws {
        for song in Scene.songs {
            let id = JobID.random()
            _ = try await queue.enqueue(Job(id: id, bucket: "queue", key: "\(id)/x", filename: song))
        }
        for number in 0..<3 {
            let name = "worker-\(number)"
            var worker = WorkerRecord(id: name, memory: 400 << 20)
            let claim = try await queue.claim(worker: name, wait: .seconds(10))
            guard let claim else { throw TestFailure("nothing to claim") }
            if number == 2 {
                _ = try await queue.fail(claim, reason: "The file is damaged.", retry: true)
            } else {
                (worker.state, worker.job, worker.progress) = (.busy, claim.job.id, 0.25 + 0.5 * Double(number))
            }
            try await queue.heartbeat(worker)
        }
        try await board.publish(Scene.record)
    }

    /// Runs `autoscaler` without a terminal.
    func output(_ arguments: [String], environment: [String: String] = [:]) throws -> (
        code: Int32, text: String, errors: String
    ) {
        let (process, out, errors) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(filePath: Self.program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["TZ": "UTC", "LC_ALL": "C.UTF-8"]) { $1 }
            .merging(environment) { $1 }
        process.standardOutput = out
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = try out.fileHandleForReading.readToEnd() ?? Data()
        let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: text, as: UTF8.self), String(decoding: complaint, as: UTF8.self)
        )
    }
}
