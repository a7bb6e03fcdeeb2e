import Encodings
import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// `keda-scaler` as KEDA uses it: gRPC's own client against the program, over a real Redis.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ExternalScalerTests {
    private static let client = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "client.py")
        .path
    private static let trigger = ["deployment=worker", "scalerAddress=keda-scaler:9091"]

    @Test func jobsAreRecommendedFor() async throws {
        let redis = try ServerProcess.redis()
        let scaler = try Scaler(redis)
        try await scaler.isUp()
        let (queue, board) = try (redis.queue(), RedisAutoscalerBoard(queue: redis.queue()))

        #expect(try await scaler.ask("IsActive") == ["result": false])
        let specs = try await scaler.ask("GetMetricSpec")["metricSpecs"]?.array
        #expect(specs?.map { $0["metricName"]?.string } == ["workers"])
        #expect(specs?.first?["targetSize"]?.string == "1" && specs?.first?["targetSizeFloat"]?.number == 1)
        #expect(try await scaler.value() == 0)

        let listener = try scaler.listen()
        try await eventually("it says that nobody is needed") { listener.activity == [false] }
        var ids: [JobID] = []
        for _ in 0..<3 {
            let job = newJob()
            _ = try await queue.enqueue(job)
            ids.append(job.id)
        }
        try await eventually("the listener hears of the first job") { listener.activity == [false, true] }
        #expect(try await scaler.ask("IsActive") == ["result": true])
        try await eventually("a worker for each job") { try await scaler.value() == 3 }
        for _ in 0..<20 {
            let job = newJob()
            _ = try await queue.enqueue(job)
            ids.append(job.id)
        }
        try await eventually("no more than the maximum") { try await scaler.value() == 6 }

        // The operator's word counts here, too.
        try await board.setControl(.override(2))
        try await eventually("as many as the operator says") { try await scaler.value() == 2 }
        try await board.setControl(.clear)
        try await eventually("as many as the jobs ask for") { try await scaler.value() == 6 }
        for id in ids { _ = try await queue.cancel(id) }
        try await eventually("nobody is needed, after the windows") { try await scaler.value() == 0 }
        try await eventually("the listener hears of it") { listener.activity == [false, true, false] }
    }

    /// KEDA keeps the number, or takes its fallback; a listener goes on listening.
    @Test func withoutRedisNothingIsRecommended() async throws {
        let redis = try ServerProcess.durableRedis()
        let scaler = try Scaler(redis)
        try await scaler.isUp()
        let listener = try scaler.listen()
        try await eventually("it says that nobody is needed") { listener.activity == [false] }
        redis.kill()
        try await eventually("it says that it does not know") {
            try await scaler.ask("GetMetrics").code == "UNAVAILABLE"
        }
        let refusal = try await scaler.ask("IsActive")
        #expect(
            refusal.code == "UNAVAILABLE" && refusal.sentence.hasPrefix("Nothing can be recommended: "), "\(refusal)")
        // What does not change is known all the same.
        #expect(try await scaler.ask("GetMetricSpec").code == nil)
        #expect(listener.activity == [false])
        try redis.start()
        _ = try await redis.queue().enqueue(newJob())
        try await eventually("it knows again") { try await scaler.value() == 1 }
        try await eventually("the listener hears of it") { listener.activity == [false, true] }
    }

    @Test(arguments: [
        (
            ["IsActive"],
            "The trigger of the ScaledObject msaas/worker does not say for which Deployment it is; write deployment: worker."
        ),
        (
            ["IsActive", "deployment=upload"],
            "The trigger of the ScaledObject msaas/worker asks for the Deployment “upload”, but this scaler knows the queue of worker only."
        ),
        (
            ["GetMetricSpec", "deployment=worker", "maxReplicas=50"],
            "The trigger of the ScaledObject msaas/worker says “maxReplicas”, which there is no setting for; write deployment: worker and nothing else."
        ),
        (
            ["StreamIsActive", "deployment=upload"],
            "The trigger of the ScaledObject msaas/worker asks for the Deployment “upload”,"
        ),
        (["GetMetrics", "deployment=worker", "--metric", "pods"], "There is no metric “pods”; ask for workers."),
        (["IsActive", "deployment=worker", "--object", ""], "The request names no ScaledObject."),
    ])
    func whatIsMeantForSomethingElseIsRefused(call: [String], sentence: String) async throws {
        let redis = try ServerProcess.redis()
        let scaler = try Scaler(redis)
        try await scaler.isUp()
        let answer = try await scaler.ask(arguments: call)
        #expect(answer.code == "INVALID_ARGUMENT" && answer.sentence.hasPrefix(sentence), "\(answer)")
    }

    /// Whatever bytes come, there is an answer, and it goes on.
    @Test func bytesThatAreNoMessage() async throws {
        let redis = try ServerProcess.redis()
        let scaler = try Scaler(redis)
        try await scaler.isUp()
        for call in ["IsActive", "GetMetrics"] {
            let counts = try #require(try await scaler.ask(call, "--noise", "1000").object)
            #expect(Set(counts.keys).isSubset(of: ["OK", "INVALID_ARGUMENT"]), "\(counts)")
            #expect(counts["INVALID_ARGUMENT"] != nil)
        }
        #expect(try await scaler.ask("StreamMetricSpec").code == "UNIMPLEMENTED")
        #expect(try await scaler.value() == 0)
    }

    @Test func withACertificateItSpeaksTLS() async throws {
        let authority = try await Authority(name: "IP:127.0.0.1")
        let redis = try ServerProcess.redis()
        let scaler = try Scaler(
            redis, ["MSAAS_TLS_CERTIFICATE": authority.certificate, "MSAAS_TLS_KEY": authority.key])
        try await scaler.isUp()
        #expect(try await scaler.ask("IsActive", "--ca", authority.certificate) == ["result": false])
        #expect(try await scaler.ask("IsActive").code == "UNAVAILABLE", "gRPC's client cannot reach it in plain text")
    }

    /// An open call keeps it from nothing.
    @Test func itEndsWhenItIsTold() async throws {
        let redis = try ServerProcess.redis()
        let scaler = try Scaler(redis)
        try await scaler.isUp()
        let listener = try scaler.listen()
        try await eventually("it listens") { listener.activity == [false] }
        scaler.process.signal(SIGTERM)
        #expect(await scaler.process.wait() == 0)
    }

    @Test(arguments: [
        (["--set", "max-replicas=none"], [:], "max-replicas is “none”; write a whole number."),
        (["--set", "replicas=1"], [:], "There is no setting “replicas”."),
        (["--listen", "127.0.0.1"], [:], "listen is “127.0.0.1”; write an address and a port"),
        ([], ["MSAAS_TLS_KEY": "/nowhere"], "One of MSAAS_TLS_CERTIFICATE and MSAAS_TLS_KEY is set"),
        (
            [], ["MSAAS_TLS_CERTIFICATE": "/nowhere", "MSAAS_TLS_KEY": "/nowhere"],
            "The certificate /nowhere with the key /nowhere cannot be used"
        ),
    ])
    func whatCannotBeIsSaid(arguments: [String], environment: [String: String], sentence: String) async throws {
        let folder = try TemporaryDirectory()
        let errors = folder.path + "/errors"
        let process = try ChildProcess(
            [Scaler.program] + arguments, environment: environment, output: errors)
        #expect(await process.wait() != 0)
        #expect(try String(contentsOfFile: errors, encoding: .utf8).contains(sentence))
    }

    // MARK: - Processes

    /// The program, running.
    private struct Scaler {
        static let program = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "keda-scaler").path
        let process: ChildProcess
        private let port: Int
        private let folder: TemporaryDirectory

        init(_ redis: ServerProcess, _ environment: [String: String] = [:]) throws {
            (port, folder) = try (freePort(), TemporaryDirectory())
            process = try ChildProcess(
                [
                    Self.program, "--listen", "127.0.0.1:\(port)", "--set", "max-replicas=6", "--set",
                    "interval=100ms", "--set", "stabilisation-window=400ms", "--set", "settle-window=400ms", "--set",
                    "idle-window=600ms", "--set", "growth-pause=0s", "--set", "trend-percent=0",
                ], environment: environment.merging(["REDIS_URL": "redis://127.0.0.1:\(redis.port)"]) { $1 },
                output: folder.path + "/log")
        }

        /// It has read the queue.
        func isUp() async throws {
            try await eventually("the scaler is up") {
                try String(contentsOfFile: folder.path + "/log", encoding: .utf8).contains("recommending")
                    && String(contentsOfFile: folder.path + "/log", encoding: .utf8).contains("serving KEDA")
            }
        }

        func ask(_ call: String, _ options: String...) async throws -> JSONValue {
            try await ask(arguments: [call] + ExternalScalerTests.trigger + options)
        }

        func ask(arguments: [String]) async throws -> JSONValue {
            let result = try await Program.result(
                ["python3", ExternalScalerTests.client, "127.0.0.1:\(port)"] + arguments)
            return try JSONDecoder().decode(JSONValue.self, from: Data(result.text.utf8))
        }

        /// The metric's value, which stands there in two ways.
        func value() async throws -> Int? {
            guard let metric = try await ask("GetMetrics")["metricValues"]?.array?.first,
                let value = metric["metricValue"]?.string.flatMap({ Int($0) }),
                metric["metricValueFloat"]?.number == Double(value)
            else { return nil }
            return value
        }

        func listen() throws -> Listener {
            let file = folder.path + "/heard-\(UUID())"
            return Listener(
                process: try ChildProcess(
                    ["python3", ExternalScalerTests.client, "127.0.0.1:\(port)", "StreamIsActive"]
                        + ExternalScalerTests.trigger, output: file), file: file)
        }
    }

    /// A client that listens until it is let go of.
    private struct Listener {
        let process: ChildProcess
        let file: String

        /// What it has heard so far.
        var activity: [Bool] {
            let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").compactMap {
                $0.contains("true") ? true : $0.contains("false") ? false : nil
            }
        }
    }
}

extension ServerProcess {
    fileprivate func queue() throws -> RedisJobQueue {
        try RedisJobQueue(url: "redis://127.0.0.1:\(port)", options: QueueOptions())
    }
}

/// A job that nobody knows yet.
private func newJob() -> Job {
    let id = JobID.random()
    return Job(id: id, bucket: "queue", key: "\(id)/song.mp3", filename: "song.mp3")
}

extension JSONValue {
    fileprivate var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    fileprivate var code: String? { self["code"]?.string }
    fileprivate var sentence: String { self["sentence"]?.string ?? "" }
}
