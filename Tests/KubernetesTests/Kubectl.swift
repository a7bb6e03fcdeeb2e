import Foundation
import KubernetesDouble
import TestSupport

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
        try await Program.result(
            ["kubectl"] + arguments,
            environment: ["KUBECONFIG": folder.path + "/config", "HOME": folder.path]
        ).text
    }
}
