import Foundation
import TestSupport

/// Programs of others that a test runs as child processes.
enum Tool {
    /// Runs a program and gives back what it printed. One that is missing, or that fails, is a failure of the test.
    @discardableResult
    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        let directory = try TemporaryDirectory()
        let log = directory.url.appending(path: "output")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = process.standardOutput
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do {
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
        let output = try String(contentsOf: log, encoding: .utf8)
        guard process.terminationStatus == 0 else {
            let hint = process.terminationStatus == 127 ? " (install it: pip install 'moto[server]' boto3 awscli)" : ""
            throw TestFailure("\(arguments.joined(separator: " ")) failed\(hint):\n\(output)")
        }
        return output
    }

    /// The settings with which AWS clients use a storage server.
    static func credentials(_ storage: RunningStorage) -> [String: String] {
        [
            "AWS_ACCESS_KEY_ID": RunningStorage.accessKey, "AWS_SECRET_ACCESS_KEY": RunningStorage.secretKey,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": storage.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_PAGER": "",
            "PYTHONDONTWRITEBYTECODE": "1",
        ]
    }

    /// A file that lies beside the tests.
    static func resource(_ path: String) -> URL { Bundle.module.bundleURL.appending(path: path) }
}
