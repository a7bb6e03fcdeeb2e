import Foundation
import KubernetesDouble
import TestSupport
import Threading

/// The real `kubectl`, with nothing but the double in its configuration.
struct Kubectl {
    private let folder: TemporaryDirectory

    init(_ server: DoubleServer) throws {
        folder = try TemporaryDirectory()
        try """
        apiVersion: v1
        kind: Config
        current-context: double
        clusters: [{name: double, cluster: {server: "\(server.url)"}}]
        contexts: [{name: double, context: {cluster: double, namespace: msaas}}]
        """.write(to: folder.url.appending(path: "config"), atomically: true, encoding: .utf8)
    }

    /// Runs it and gives what it printed, errors too.
    func run(_ arguments: String...) async throws -> String {
        try await shell(
            ["kubectl"] + arguments,
            environment: ["KUBECONFIG": folder.path + "/config", "HOME": folder.path])
    }
}

/// Runs a command to its end and gives what it printed, errors too.
func shell(_ command: [String], environment: [String: String] = [:]) async throws -> String {
    try await BlockingThread(name: "shell").run {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: output, as: UTF8.self)
    }
}
