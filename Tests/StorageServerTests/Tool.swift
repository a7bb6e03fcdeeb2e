import Foundation
import TestSupport

/// Programs of others that a test runs as child processes.
enum Tool {
    /// Runs a program and gives back what it printed. One that is missing, or that fails, is a failure of the test.
    @discardableResult
    static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let directory = try TemporaryDirectory()
        let log = directory.url.appending(path: "output")
        let process = try ChildProcess(arguments, environment: environment, output: log.path)
        let code = await process.wait()
        let output = try String(contentsOf: log, encoding: .utf8)
        guard code == 0 else {
            let hint = "Is everything installed? pip install 'moto[server]' boto3 awscli"
            throw TestFailure("\(arguments.joined(separator: " ")) failed (\(code)). \(hint)\n\(output)")
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
