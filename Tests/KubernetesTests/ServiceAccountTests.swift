import Foundation
import Kubernetes
import TestSupport
import Testing

@Suite struct ServiceAccountTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func write(_ name: String, _ text: String) throws -> String {
        let url = folder.url.appending(path: name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: url, atomically: true, encoding: .utf8)
        return url.path
    }

    @Test func serviceAccount() throws {
        let directory = folder.path + "/account"
        _ = try write("account/token", "t1\n")
        _ = try write("account/ca.crt", "CA")
        _ = try write("account/namespace", "msaas\n")
        var environment = ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"]
        let configuration = try ClusterConfiguration.inCluster(environment: environment, directory: directory)
        #expect(configuration.server == "https://10.96.0.1:443" && configuration.namespace == "msaas")
        #expect(configuration.trust == .file(directory + "/ca.crt") && configuration.verifiesServer)
        #expect(configuration.credentials.token == .file(directory + "/token"))
        environment["KUBERNETES_SERVICE_HOST"] = "fd00::1"
        #expect(
            try ClusterConfiguration.inCluster(environment: environment, directory: directory).server
                == "https://[fd00::1]:443")
        #expect { try ClusterConfiguration.inCluster(environment: environment, directory: "/nowhere") } throws: {
            "\($0)".contains("automountServiceAccountToken")
        }
        #expect { try ClusterConfiguration.inCluster(environment: [:], directory: directory) } throws: {
            "\($0)".contains("KUBERNETES_SERVICE_HOST")
        }
    }
}
