import Foundation
import HTTPTransport
import Kubernetes
import TestSupport
import Testing

/// A cluster that knows its users by their certificates, served by `openssl`.
@Suite(.timeLimit(.minutes(2))) struct MutualTLSTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// An authority, and two certificates from it.
    private func makeCertificates() async throws {
        let script = """
            cd \(folder.path) && exec 2>&1
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca \
              -keyout ca.key -out ca.crt || exit 1
            for name in server client; do
              openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$name \
                -keyout $name.key -out $name.csr || exit 1
              printf 'subjectAltName=IP:127.0.0.1' > extensions
              openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions \
                -out $name.crt || exit 1
            done
            echo made
            """
        let output = try await Program.run(["sh", "-c", script])
        guard output.hasSuffix("made\n") else { throw TestFailure("openssl made no certificates: \(output)") }
    }

    private func data(_ name: String) throws -> String {
        try Data(contentsOf: folder.url.appending(path: name)).base64EncodedString()
    }

    private func client(_ server: ServerProcess, authority: String, user: String) throws -> KubernetesClient {
        let file = folder.url.appending(path: "config")
        try """
        current-context: x
        clusters: [{name: x, cluster: {server: "https://127.0.0.1:\(server.port)", \(authority)}}]
        users: [{name: x, user: {\(user)}}]
        contexts: [{name: x, context: {cluster: x, user: x, namespace: msaas}}]
        """.write(to: file, atomically: true, encoding: .utf8)
        return KubernetesClient(try Kubeconfig(files: [file.path]).configuration(), retry: .never)
    }

    @Test func certificatesAsDataAndAsFiles() async throws {
        try await makeCertificates()
        let answer = folder.url.appending(path: "apis/apps/v1/namespaces/msaas/deployments/worker/scale")
        try FileManager.default.createDirectory(
            at: answer.deletingLastPathComponent(), withIntermediateDirectories: true)
        let body = try Fixture("scale-get").body
        // `openssl s_server` has one connection at a time.
        let head = ["HTTP/1.1 200 OK", "Content-Length: \(body.count)", "Connection: close", "", ""]
        try (Data(head.joined(separator: "\r\n").utf8) + body).write(to: answer)
        let server = try ServerProcess([
            "sh", "-c",
            "cd \(folder.path) && exec openssl s_server -accept 127.0.0.1:{port} -HTTP -Verify 1 -verify_return_error "
                + "-CAfile ca.crt -cert server.crt -key server.key",
        ])
        let trusted = "certificate-authority-data: \(try data("ca.crt"))"
        let asData = "client-certificate-data: \(try data("client.crt")), client-key-data: \(try data("client.key"))"
        #expect(try await client(server, authority: trusted, user: asData).scale(of: "worker").replicas == 5)
        let asFiles = try client(
            server, authority: "certificate-authority: ca.crt",
            user: "client-certificate: client.crt, client-key: client.key")
        #expect(try await asFiles.scale(of: "worker").replicas == 5)
        let insecure = try client(server, authority: "insecure-skip-tls-verify: true", user: asData)
        #expect(try await insecure.scale(of: "worker").replicas == 5)
        let stranger = try client(server, authority: "disable-compression: true", user: asData)
        await #expect { _ = try await stranger.scale(of: "worker") } throws: {
            if case KubernetesError.unreachable(.tls) = $0 { true } else { false }
        }
        let nobody = try client(server, authority: trusted, user: "username: ''")
        await #expect(throws: KubernetesError.self) { _ = try await nobody.scale(of: "worker") }
    }
}
