import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// Commands of the service that need no running one.
@Suite struct CommandLineTests {
    @Test func deadJobsAreRevivedFromTheCommandLine() async throws {
        let redis = try ServerProcess.redis()
        let url = "redis://127.0.0.1:\(redis.port)/0"
        let queue = try RedisJobQueue(url: url, options: QueueOptions(maxAttempts: 1))
        var jobs: [JobID] = []
        for _ in 0..<2 {
            let id = JobID.random()
            _ = try await queue.enqueue(Job(id: id, bucket: "queue", key: "\(id)/a.mp3", filename: "a.mp3"))
            let claim = try #require(try await queue.claim(worker: "w", wait: .seconds(10)))
            #expect(try await queue.fail(claim, reason: "It broke.", retry: true) == .dead)
            jobs.append(id)
        }
        func retry(_ arguments: String...) async throws -> String {
            try await Program.run(
                [Places.products.appending(path: "msaas").path, "retry"] + arguments, environment: ["REDIS_URL": url])
        }
        #expect(try await retry(jobs[1].description).contains("\(jobs[1]) waits again"))
        #expect(try await retry(jobs[1].description).contains("neither dead nor failed"))
        #expect(try await queue.depth() == QueueDepth(waiting: 1, inFlight: 0, dead: 1))
        #expect(try await retry().contains("\(jobs[0]) waits again"))
        #expect(try await retry().contains("No job is dead"))
        let claim = try #require(try await queue.claim(worker: "w", wait: .seconds(10)))
        #expect(claim.job.id == jobs[1])
        #expect(claim.job.attempts == 1, "its attempts are counted anew")
    }

    @Test func eventsThatWereSetAsideAreSeenSentAgainAndDropped() async throws {
        let folder = try TemporaryDirectory()
        let aside = folder.url.appending(path: "events/separate/aside")
        try FileManager.default.createDirectory(at: aside, withIntermediateDirectories: true)
        func setAside(_ name: String) throws {
            let reason = #"{"attempts":8,"reason":"400 Bad Request","since":0,"mayBeTheTargets":false}"#
            try Data(reason.utf8).write(to: aside.appending(path: "\(name).reason"))
            let event = #"{"EventName":"s3:ObjectCreated:Put","Key":"queue/a.mp3"}"#
            try Data(event.utf8).write(to: aside.appending(path: "\(name).json"))
        }
        try setAside("00000000000000AA")
        let msaas = Places.products.appending(path: "msaas").path
        let keys = ["S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"]
        let storage = try ServerProcess(
            [
                msaas, "storage", "--data", folder.path, "--port", "{port}", "--webhook",
                "separate=http://127.0.0.1:1/separate",
            ], environment: keys)
        func events(_ arguments: String...) async throws -> String {
            try await Program.run(
                [msaas, "events"] + arguments,
                environment: keys.merging(["S3_ENDPOINT": "http://127.0.0.1:\(storage.port)"]) { $1 })
        }
        func isCounted(_ count: Int) async throws -> Bool? {
            let metrics = try await Program.run([
                "curl", "-sSf", "http://127.0.0.1:\(storage.port)/minio/v2/metrics/cluster",
            ])
            return metrics.contains("msaas_storage_events_set_aside \(count)\n") ? true : nil
        }
        _ = try await eventually("it is counted") { try await isCounted(1) }
        let list = try await events()
        #expect(list.contains("400 Bad Request") && list.contains("queue/a.mp3"), "\(list)")
        #expect(try await events("--retry").contains("1 sent again"))
        _ = try await eventually("it is on its way") { try await isCounted(0) }
        #expect(try await events().contains("no event is set aside"))
        try setAside("00000000000000BB")
        _ = try await eventually("the next one is counted") { try await isCounted(1) }
        #expect(try await events("--forget").contains("1 dropped"))
        _ = try await eventually("it is counted no more") { try await isCounted(0) }
    }

    @Test(arguments: [
        (["--host", "0.0.0.0"], [:], ["0.0.0.0", "msaas key", "MSAAS_API_KEYS_FILE", "MSAAS_OPEN=1"]),
        ([], ["MSAAS_PRECISION": "half"], ["MSAAS_PRECISION", "half", "bf16"]),
        ([], ["MSAAS_LEASE_SECONDS": "soon"], ["MSAAS_LEASE_SECONDS", "soon"]),
    ])
    func theServiceRefusesToStart(arguments: [String], environment: [String: String], words: [String]) async throws {
        let folder = try TemporaryDirectory()
        let errors = folder.path + "/errors"
        let up = try ChildProcess(
            [
                "/bin/sh", "-c", "exec \"$@\" 2>\"$ERRORS\"", "sh", Places.products.appending(path: "msaas").path, "up",
                "--data", folder.path + "/data",
            ] + arguments, environment: environment.merging(["ERRORS": errors]) { $1 })
        #expect(await up.wait() == 1)
        let sentence = try String(contentsOfFile: errors, encoding: .utf8)
        for word in words { #expect(sentence.contains(word), "\(sentence)") }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/data"), "nothing was started")
    }
}
