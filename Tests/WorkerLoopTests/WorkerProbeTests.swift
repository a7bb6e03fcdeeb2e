import Foundation
import HTTPTransport
import Jobs
import TestSupport
import Testing
import WorkerLoop

/// A worker's own port: what it counts, whether it lives, whether it could work.
@Suite struct WorkerProbeTests {
    @Test func whatAWorkerDoesIsCounted() async throws {
        let bench = try await Bench()
        let worker = try ProbedWorker(bench)
        try await eventually("it is ready") { try await worker.get("/readyz").status == 200 }
        #expect(try await worker.get("/healthz").text == "alive\n")
        let good = try await bench.submitted("music")
        let bad = try await bench.submitted("noise")
        #expect(try await bench.finished(good.id).state == .done)
        #expect(try await bench.finished(bad.id).state == .failed)
        try await eventually("both are counted") {
            try await worker.get("/metrics").text.contains("msaas_worker_jobs_total{outcome=\"failed\"} 1\n")
        }
        let metrics = try await worker.get("/metrics").text
        for line in [
            "msaas_worker_jobs_total{outcome=\"done\"} 1\n", "msaas_worker_audio_seconds_total 10\n",
            "msaas_worker_stage_seconds_count{stage=\"store\"} 10\n",
            "msaas_worker_stage_seconds_count{stage=\"fetch\"} 2\n",
            "msaas_worker_job_seconds_count 2\n", "msaas_worker_redis_up 1\n", "msaas_worker_busy 0\n",
            "# TYPE process_resident_memory_bytes gauge\n", "# HELP msaas_worker_jobs_total Jobs that",
        ] {
            #expect(metrics.contains(line), "\(line) is not in \(metrics)")
        }
        #expect(try await worker.get("/nothing").status == 404)
        #expect(try await worker.get("/metrics", method: "POST").status == 405)
    }

    /// Length and progress of the song at hand are told while it is worked on.
    @Test func theSongAtHandIsTold() async throws {
        let bench = try await Bench()
        let worker = try ProbedWorker(bench, seconds: 600)
        _ = try await bench.submitted("music")
        try await eventually("its length is told") {
            let text = try await worker.get("/metrics").text
            return text.contains("msaas_worker_busy 1\n") && text.contains("msaas_worker_song_seconds 10\n")
        }
    }

    /// Ready is who could work on a song now. A Redis that is away does not make a worker be started anew.
    @Test func readinessTellsTheTruth() async throws {
        let bench = try await Bench()
        let worker = try ProbedWorker(bench)
        try await eventually("it is ready") { try await worker.get("/readyz").status == 200 }
        bench.redis.kill()
        try await eventually("it is not ready without Redis") {
            let answer = try await worker.get("/readyz")
            return answer.status == 503 && answer.text.contains("\"redis\":\"failed\"")
        }
        #expect(try await worker.get("/healthz").status == 200)
        #expect(try await worker.get("/metrics").text.contains("msaas_worker_redis_up 0\n"))
    }

    @Test func aDrainingWorkerIsNotReady() async throws {
        let bench = try await Bench()
        let worker = try ProbedWorker(bench, seconds: 600)
        _ = try await bench.submitted("music")
        try await eventually("it is busy") { try await worker.get("/metrics").text.contains("msaas_worker_busy 1\n") }
        worker.terminate()
        try await eventually("it drains") {
            let answer = try await worker.get("/readyz")
            return answer.status == 503 && answer.text.contains("draining")
        }
        #expect(try await worker.get("/healthz").status == 200)
    }

    /// Several on one machine need no ports to be given out; one that was told its port says when that is taken.
    @Test func theNextPortIsTakenWhereNoneIsSet() async throws {
        let bench = try await Bench()
        let log = bench.temporary.path + "/log"
        let workers = try (0..<2).map { _ in try bench.process(seconds: 0, output: log) }
        func ports() throws -> Set<String> {
            let text = try String(contentsOfFile: log, encoding: .utf8)
            return Set(text.matches(of: /port=(\d+).*probes and metrics are served/).map { String($0.1) })
        }
        try await eventually("both listen, each at a port of its own") { try ports().count == 2 }
        for worker in workers { worker.signal(SIGTERM) }
        for worker in workers { #expect(await worker.wait() == 0) }
        let third = try bench.process(seconds: 0, environment: ["MSAAS_PROBE_PORT": "\(bench.redis.port)"])
        #expect(await third.wait() != 0)
        #expect(throws: (any Error).self) { try WorkerConfiguration(environment: ["MSAAS_PROBE_PORT": "http"]) }
    }
}

/// A worker as a process, with a port that is known.
private final class ProbedWorker: Sendable {
    private let process: ChildProcess
    private let port: Int
    private let transport = CurlTransport()

    init(_ bench: Bench, seconds: Double = 0) throws {
        port = try freePort()
        process = try bench.process(seconds: seconds, environment: ["MSAAS_PROBE_PORT": "\(port)"])
    }

    deinit { process.kill() }

    func terminate() { process.signal(SIGTERM) }

    func get(_ path: String, method: String = "GET") async throws -> (status: Int, text: String) {
        let request = HTTPRequest(method: method, url: "http://127.0.0.1:\(port)\(path)")
        guard let answer = try? await transport.send(request) else { return (0, "") }
        return (answer.status, String(decoding: try await answer.body.collect(limit: 1 << 20), as: UTF8.self))
    }
}
