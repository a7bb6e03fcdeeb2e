import Foundation
import HTTPTransport
import Kubernetes
import TestSupport
import Testing

@Suite struct KubeconfigTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func write(_ name: String, _ text: String) throws -> String {
        let url = folder.url.appending(path: name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: url, atomically: true, encoding: .utf8)
        return url.path
    }

    private func kubeconfig(cluster: String = "server: https://c.test:6443/", user: String = "token: t") throws
        -> String
    {
        try write(
            "config",
            """
            apiVersion: v1
            kind: Config
            preferences: {}
            current-context: here
            clusters: [{name: c, cluster: {\(cluster)}}]
            users: [{name: u, user: {\(user)}}]
            contexts: [{name: here, context: {cluster: c, user: u, namespace: msaas}}]
            """)
    }

    private func refusal(cluster: String = "server: https://c.test", user: String = "token: t") throws -> String {
        let file = try kubeconfig(cluster: cluster, user: user)
        do {
            _ = try Kubeconfig(files: [file]).configuration()
            return "accepted"
        } catch { return "\(error)" }
    }

    @Test func filesAreMergedAndTheFirstWins() throws {
        let first = try write(
            "a/config",
            """
            contexts:
            - name: one
              context: {cluster: c, user: u}
            clusters:
            - name: c
              cluster: {server: "https://first.test", certificate-authority: ca.crt}
            """)
        let authority = try write("a/ca.crt", "CA")
        let second = try write(
            "b/config",
            """
            current-context: two
            contexts:
            - {name: one, context: {cluster: other, user: u, namespace: not-me}}
            - {name: two, context: {cluster: c, user: u, namespace: second}}
            clusters:
            - {name: c, cluster: {server: "https://second.test"}}
            users:
            - {name: u, user: {tokenFile: secret/token}}
            """)
        let environment = ["KUBECONFIG": "\(first)::\(folder.path)/missing:\(second)"]
        let merged = try Kubeconfig(files: Kubeconfig.files(environment))
        #expect(merged.contextNames == ["one", "two"] && merged.currentContext == "two")
        let current = try merged.configuration()
        #expect(current.server == "https://first.test" && current.namespace == "second")
        #expect(current.trust == .file(authority))
        #expect(current.credentials.token == .file(folder.path + "/b/secret/token"))
        #expect(try merged.configuration(context: "one").namespace == "default")
        #expect(try ClusterConfiguration.detect(environment: environment) == current)
    }

    @Test func homeIsTheDefault() {
        #expect(Kubeconfig.files(["HOME": "/home/x"]) == ["/home/x/.kube/config"])
        #expect(Kubeconfig.files(["HOME": "/home/x", "KUBECONFIG": ""]) == ["/home/x/.kube/config"])
    }

    @Test func certificates() throws {
        let data = Data("PEM".utf8).base64EncodedString()
        let file = try kubeconfig(
            cluster: "server: 'https://c.test', certificate-authority-data: \(data)",
            user: "client-certificate-data: \(data), client-certificate: ignored, client-key-data: \(data)")
        let configuration = try Kubeconfig(files: [file]).configuration()
        #expect(configuration.trust == .pem(Data("PEM".utf8)))
        #expect(configuration.credentials.certificate == .data(certificate: Data("PEM".utf8), key: Data("PEM".utf8)))
        let files = try kubeconfig(user: "client-certificate: a.crt, client-key: /b.key")
        #expect(
            try Kubeconfig(files: [files]).configuration().credentials.certificate
                == .files(certificate: folder.path + "/a.crt", key: "/b.key"))
    }

    @Test func gkePlugin() throws {
        let data = Data("CA".utf8).base64EncodedString()
        let file = try write(
            "gke",
            """
            apiVersion: v1
            clusters:
            - cluster:
                certificate-authority-data: \(data)
                server: https://34.1.2.3
                extensions:
                - name: client.authentication.k8s.io/exec
                  extension: {audience: x, depth: [1, true, null]}
              name: gke_p_z_c
            contexts:
            - context:
                cluster: gke_p_z_c
                user: gke_p_z_c
              name: gke_p_z_c
            current-context: gke_p_z_c
            kind: Config
            preferences: {}
            users:
            - name: gke_p_z_c
              user:
                exec:
                  apiVersion: client.authentication.k8s.io/v1beta1
                  command: gke-gcloud-auth-plugin
                  args: null
                  env: null
                  installHint: Install gke-gcloud-auth-plugin for use with kubectl
                  provideClusterInfo: true
            """)
        let configuration = try Kubeconfig(files: [file]).configuration()
        guard case .plugin(let plugin)? = configuration.credentials.token else {
            Issue.record("no plugin: \(configuration)")
            return
        }
        #expect(plugin.command == "gke-gcloud-auth-plugin" && plugin.arguments == [] && plugin.environment == [:])
        #expect(plugin.interaction == .ifAvailable)
        #expect(
            plugin.cluster == [
                "server": "https://34.1.2.3", "certificate-authority-data": .string(data),
                "config": ["audience": "x", "depth": [1, true, .null]],
            ])
    }

    @Test func verificationIsOnUnlessToldOtherwise() throws {
        #expect(try Kubeconfig(files: [try kubeconfig()]).configuration().verifiesServer)
        let insecure = try kubeconfig(cluster: "server: 'https://c.test', insecure-skip-tls-verify: true")
        #expect(try !Kubeconfig(files: [insecure]).configuration().verifiesServer)
        #expect(
            try refusal(
                cluster: "server: 'https://c.test', insecure-skip-tls-verify: true, certificate-authority-data: QQ=="
            )
            .contains("remove the latter"))
    }

    @Test func whatIsNotSupportedIsRefusedByName() throws {
        #expect(try refusal(cluster: "server: 'https://c.test', tls-server-name: x").contains("tls-server-name (x)"))
        #expect(try refusal(cluster: "server: 'https://c.test', proxy-url: 'http://p'").contains("HTTPS_PROXY"))
        #expect(try refusal(user: "auth-provider: {name: gcp}").contains("gke-gcloud-auth-plugin"))
        #expect(try refusal(user: "as: admin").contains("Impersonation (as: admin)"))
        #expect(
            try refusal(user: "exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}")
                .contains("v1alpha1"))
        #expect(
            try refusal(user: "exec: {command: x, apiVersion: client.authentication.k8s.io/v1}")
                .contains("no interactiveMode"))
        #expect(try refusal(cluster: "server: 'http://c.test'").contains("in the clear"))
        #expect(try refusal(cluster: "server: 'http://127.0.0.1:8001'") == "accepted")
        #expect(try refusal(cluster: "{}").contains("no usable server"))
        #expect(try refusal(user: "client-certificate: a").contains("without a key"))
        #expect(try refusal(user: "client-certificate-data: '%'").contains("without a key"))
        #expect(try refusal(user: "client-certificate-data: '%', client-key: k").contains("is not base64"))
    }

    @Test func whatIsMissingIsNamed() throws {
        let missing = folder.path + "/none"
        #expect { try Kubeconfig(files: [missing]) } throws: { "\($0)".contains(missing) }
        let broken = try write("broken", "clusters: [{name: x, cluster: {server: [secret-thing]}}]")
        #expect { try Kubeconfig(files: [broken]) } throws: {
            "\($0)".contains(broken) && "\($0)".contains("cluster.server") && !"\($0)".contains("secret-thing")
        }
        let garbage = try write("garbage", "token: [secret-thing")
        #expect { try Kubeconfig(files: [garbage]) } throws: { !"\($0)".contains("secret-thing") }
        let config = try Kubeconfig(files: [try kubeconfig()])
        #expect { try config.configuration(context: "there") } throws: {
            "\($0)".contains("no context there; there is here")
        }
    }
}
