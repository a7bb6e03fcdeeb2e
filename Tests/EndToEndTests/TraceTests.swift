import Foundation
import HTTPTransport
import Jobs
import ObjectStorage
import TestSupport
import Testing

/// One trace from the upload to the publication, across all processes, as a collector with the official definitions reads it.
@Suite(.serialized) struct TraceTests {
    @Test func aSongIsOneTrace() async throws {
        let collector = try Collector(arguments: ["--refuse", "1", "--want", "Authorization=Bearer a,b"])
        let service = try await TracedService(
            tracing: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collector.port)",
                "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20a%2Cb",
            ])
        let caller = (trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b7")
        let answer = try await service.upload(traceparent: "00-\(caller.trace)-\(caller.span)-01")
        #expect(answer.headers["traceparent"]?.hasPrefix("00-\(caller.trace)-") == true)
        try await service.finished()

        let names = [
            "POST /upload", "upload", "admit", "wait in queue", "job", "fetch", "survey", "separate", "encode", "store",
            "publish",
        ]
        let spans = try await eventually("the spans") { () -> [Collector.Span]? in
            let spans = try collector.spans().filter { $0.trace == caller.trace }
            return Set(names).isSubset(of: spans.map(\.name)) ? spans : nil
        }
        func parent(of name: String) throws -> String {
            let span = try #require(spans.first { $0.name == name })
            return spans.first { $0.span == span.parent }?.name ?? span.parent
        }
        #expect(Set(spans.map(\.name)) == Set(names))
        #expect(try parent(of: "POST /upload") == caller.span)
        #expect(try parent(of: "upload") == "POST /upload")
        #expect(try parent(of: "admit") == "upload")
        #expect(try parent(of: "wait in queue") == "admit")
        #expect(try parent(of: "job") == "admit")
        for part in ["fetch", "survey", "separate", "encode", "store", "publish"] {
            #expect(try parent(of: part) == "job", "\(part)")
        }
        // Four stems and the original, each with its peaks.
        #expect(spans.filter { $0.name == "store" }.count == 10)
        #expect(Set(spans.map(\.span)).count == spans.count)
        #expect(spans.allSatisfy { !$0.isError })
        #expect(Set(spans.map(\.service)) == ["msaas-function-host", "msaas-worker"])
        let job = try #require(spans.first { $0.name == "job" })
        #expect(job.attributes["msaas.outcome"] == "done")
        #expect(spans.first { $0.name == "POST /upload" }?.attributes["http.response.status_code"] == "202")

        // The lines of both programs say which trace they belong to, and none says the collector's secret.
        for line in ["\"message\":\"stored\"", "\"message\":\"queued\"", "\"message\":\"job ended\""] {
            let found = try #require(service.log.split(separator: "\n").first { $0.contains(line) }, "\(line)")
            #expect(found.contains("\"trace\":\"\(caller.trace)\""), "\(found)")
        }
        #expect(!service.log.contains("Bearer"))
        #expect(try await service.metric("trace_spans_sent_total") > 0)
        #expect(try await service.metric("trace_spans_dropped_total") == 0)
    }

    /// Who does not want his trace recorded is heard, and a song that nobody traces begins a trace of its own.
    @Test func samplingFollowsTheCaller() async throws {
        let collector = try Collector()
        let service = try await TracedService(
            tracing: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(collector.port)/", "OTEL_SERVICE_NAME": "songs",
            ])
        let unwanted = "0af7651916cd43dd8448eb211c80319c"
        _ = try await service.upload(traceparent: "00-\(unwanted)-b7ad6b7169203331-00")
        _ = try await service.upload(traceparent: nil)
        try await service.finished(2)
        let spans = try await eventually("the spans") { () -> [Collector.Span]? in
            let spans = try collector.spans()
            return spans.contains { $0.name == "publish" } ? spans : nil
        }
        #expect(!spans.contains { $0.trace == unwanted })
        #expect(Set(spans.filter { $0.name != "POST /separate" }.map(\.trace)).count == 1)
        #expect(Set(spans.map(\.service)) == ["songs"])
        // Its lines are found all the same.
        #expect(service.log.contains("\"trace\":\"\(unwanted)\""))
    }

    /// A collector that is away delays nothing: the song is done, and what was not taken is counted.
    @Test func aCollectorThatIsAwayDelaysNothing() async throws {
        let port = try freePort()
        let service = try await TracedService(tracing: ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:\(port)"])
        _ = try await service.upload(traceparent: nil)
        try await service.finished()
        _ = try await eventually("the drop is counted") {
            try await service.metric("trace_spans_dropped_total") > 0 ? true : nil
        }
        #expect(service.log.contains("traces cannot be sent and are dropped"))
    }
}

/// A collector as a process.
private struct Collector {
    struct Span: Decodable {
        var service: String
        var trace: String
        var span: String
        var parent: String
        var name: String
        var isError: Bool
        var attributes: [String: String]
    }

    private let server: ServerProcess
    private let folder: TemporaryDirectory

    init(arguments: [String] = []) throws {
        folder = try TemporaryDirectory()
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "collector.py").path
        server = try ServerProcess(["python3", script, "{port}", folder.path + "/spans"] + arguments)
    }

    var port: Int { server.port }

    /// What it has taken.
    ///
    /// - Throws: when something was no message of the official definitions.
    func spans() throws -> [Span] {
        let text = (try? String(contentsOfFile: folder.path + "/spans", encoding: .utf8)) ?? ""
        return try text.split(separator: "\n").map { line in
            guard !line.hasPrefix("{\"fault\"") else { throw TestFailure("the collector: \(line) \(server.output)") }
            return try JSONDecoder().decode(Span.self, from: Data(line.utf8))
        }
    }
}

/// Redis, storage, host and worker, each a process, on a clip of two seconds.
private final class TracedService: Sendable {
    private let redis: ServerProcess
    private let storage: ServerProcess
    private let host: ChildProcess
    private let worker: ChildProcess
    private let folder: TemporaryDirectory
    private let queue: RedisJobQueue
    private let clip: Data
    private let address: String
    private let transport = CurlTransport()

    init(tracing: [String: String]) async throws {
        func program(_ name: String) -> String { Places.products.appending(path: name).path }
        folder = try TemporaryDirectory()
        redis = try ServerProcess.redis()
        clip = try await Data(contentsOf: DemoSong.cut(seconds: 2, to: folder.url))
        let port = try freePort()
        address = "http://127.0.0.1:\(port)"
        var environment = tracing.merging([
            "REDIS_URL": "redis://127.0.0.1:\(redis.port)/0", "S3_ACCESS_KEY": "msaas", "S3_SECRET_KEY": "secret-key",
            "MSAAS_MODELS": Places.repository.appending(path: "models").path, "WEBHOOK_TOKEN": "a-token",
        ]) { $1 }
        storage = try ServerProcess(
            [
                program("msaas"), "storage", "--port", "{port}", "--data", "{directory}", "--webhook",
                "separate=\(address)/separate",
            ], environment: environment)
        environment["S3_ENDPOINT"] = "http://127.0.0.1:\(storage.port)"
        _ = try await Program.run([program("msaas"), "setup"], environment: environment)
        environment["HOST"] = "127.0.0.1"
        environment["PORT"] = String(port)
        queue = try RedisJobQueue(url: environment["REDIS_URL"] ?? "")
        host = try ChildProcess([program("function-host")], environment: environment, output: folder.path + "/log")
        worker = try ChildProcess([program("worker")], environment: environment, output: folder.path + "/log")
        _ = try await eventually("the host answers") { try? await self.get("/healthz") }
    }

    deinit { for process in [worker, host] { process.kill() } }

    /// What host and worker have said.
    var log: String { (try? String(contentsOfFile: folder.path + "/log", encoding: .utf8)) ?? "" }

    func upload(traceparent: String?) async throws -> HTTPResponse {
        var headers = HTTPHeaders()
        if let traceparent { headers.add("traceparent", traceparent) }
        let answer = try await transport.send(
            HTTPRequest(
                method: "POST", url: address + "/upload?shifts=0", headers: headers, body: .bytes(clip)))
        guard answer.status == 202 else { throw TestFailure("the upload was answered \(answer.status)\n\(log)") }
        return answer
    }

    func finished(_ count: Int = 1) async throws {
        _ = try await eventually("\(count) jobs are done") {
            try await self.queue.recent(limit: 10).count { $0.state == .done } == count ? true : nil
        }
    }

    /// A number of the host's.
    func metric(_ name: String) async throws -> Double {
        let text = try await get("/metrics")
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
    }

    private func get(_ path: String) async throws -> String {
        let answer = try await transport.send(HTTPRequest(url: address + path))
        return String(decoding: try await answer.body.collect(limit: 1 << 20), as: UTF8.self)
    }
}
