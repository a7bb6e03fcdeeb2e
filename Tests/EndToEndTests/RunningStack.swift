import Foundation
import HTTPTransport
import LocalStack
import Logging
import Policy
import ServiceClient
import TestSupport

/// The whole service, started for one test on free ports and in a folder of its own.
struct RunningStack: Sendable {
    let address: StackAddress
    let directory: URL
    let client: ServiceClient
    let transport = CurlTransport()

    /// Starts the service, runs `body`, stops the service.
    ///
    /// - Parameter scaling: windows of the autoscaler; `nil` keeps all workers running.
    static func run(
        workers: Int = 1, leaseSeconds: Int = 30, scaling: Settings? = nil,
        change: (inout StackConfiguration) -> Void = { _ in },
        body: @escaping @Sendable (RunningStack) async throws -> Void
    ) async throws {
        let folder = try TemporaryDirectory()
        var configuration = StackConfiguration(directory: folder.url, binaries: Places.products)
        configuration.httpPort = .any
        configuration.storagePort = .any
        configuration.redisPort = .any
        configuration.workers = workers
        configuration.minimumWorkers = scaling == nil ? workers : 0
        configuration.scaling = scaling ?? Settings()
        configuration.threads = max(1, ProcessInfo.processInfo.activeProcessorCount / max(1, workers))
        configuration.leaseSeconds = leaseSeconds
        change(&configuration)
        let stack = LocalStack(
            configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await stack.run { address in
            let running = RunningStack(
                address: address, directory: folder.url, client: ServiceClient(address: address.http))
            do {
                try await body(running)
            } catch {
                throw TestFailure("\(error)\n\(running.logs)")
            }
        }
    }

    /// Sends a request to the functions.
    func request(
        _ method: String, _ path: String, headers: HTTPHeaders = [:], body: HTTPBody = .empty
    ) async throws -> (status: Int, headers: HTTPHeaders, body: Data) {
        let response = try await transport.send(
            HTTPRequest(method: method, url: address.http + path, headers: headers, body: body))
        return (response.status, response.headers, try await response.body.collect(limit: 64 << 20))
    }

    /// Runs a third-party program with the service's addresses and keys in its environment.
    func run(_ arguments: [String]) async throws -> String {
        try await Program.run(
            arguments,
            environment: address.environment.merging([
                "AWS_ACCESS_KEY_ID": address.accessKey, "AWS_SECRET_ACCESS_KEY": address.secretKey,
                "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": address.storage,
                "AWS_EC2_METADATA_DISABLED": "true",
            ]) { $1 })
    }

    /// The processes that carry `variable` in their environment and belong to this service.
    func processes(with variable: String) -> [Int32] {
        let mine = "S3_ENDPOINT=\(address.storage)"
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap(Int32.init).filter { pid in
            guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else { return false }
            let variables = Set(data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
            return variables.contains(variable) && variables.contains(mine)
        }
    }

    /// The objects of both buckets, as files below the data folder; folders and the server's own notes left out.
    func objects(in bucket: String) async throws -> [String] {
        try await run([
            "aws", "s3api", "list-objects-v2", "--bucket", bucket, "--query", "Contents[].Key", "--output", "text",
        ])
        .split(whereSeparator: \.isWhitespace).map(String.init).filter { $0 != "None" }.sorted()
    }

    /// The last lines of every process, for a failed test's message.
    private var logs: String {
        let folder = directory.appending(path: "logs")
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.map { file in
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            return "--- \(file.lastPathComponent)\n" + text.split(separator: "\n").suffix(20).joined(separator: "\n")
        }.joined(separator: "\n")
    }
}

/// The demo song, and its first seconds.
enum DemoSong {
    static let file = Places.repository.appending(path: "models/starter/demo/song.mp3")

    static func cut(seconds: Int, to folder: URL, name: String = "clip.mp3") async throws -> URL {
        let clip = folder.appending(path: name)
        _ = try await Program.run([
            "ffmpeg", "-loglevel", "error", "-y", "-t", String(seconds), "-i", file.path, "-c", "copy", clip.path,
        ])
        return clip
    }
}

/// Asks again and again until `condition` gives a value; a failure after `seconds`.
func eventually<Value>(
    _ what: String, seconds: Int = 60, _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .milliseconds(50))
    }
    throw TestFailure("\(what) did not happen within \(seconds) s")
}
