import Foundation
import HTTPTransport
import Kubernetes
import KubernetesDouble
import Logging
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct CredentialTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// A plugin written in shell; it counts its runs in the file `runs`.
    private func plugin(
        _ script: String, version: String = "v1", interaction: CredentialPlugin.Interaction = .never
    ) throws -> CredentialPlugin {
        // Given to the shell as text: a file that was just written may still be open in a child of another test, and
        // such a file cannot be executed.
        CredentialPlugin(
            apiVersion: "client.authentication.k8s.io/\(version)", command: "/bin/sh",
            arguments: ["-c", "echo run >> \(folder.path)/runs\n\(script)", "plugin"], interaction: interaction,
            installHint: "Install it from somewhere.")
    }

    private func answer(_ status: String, version: String = "v1") -> String {
        """
        echo '{"apiVersion":"client.authentication.k8s.io/\(version)","kind":"ExecCredential","status":{\(status)}}'
        """
    }

    private var runs: Int {
        ((try? String(contentsOf: folder.url.appending(path: "runs"), encoding: .utf8)) ?? "").split(separator: "\n")
            .count
    }

    private func failure(_ plugin: CredentialPlugin) -> String {
        do {
            return "\(try plugin.run(hasTerminal: false))"
        } catch { return "\(error)" }
    }

    @Test func pluginAnswersAreKeptUntilTheyExpire() async throws {
        let plugin = try plugin(answer(#""token":"t","expirationTimestamp":"2026-11-22T19:10:00Z""#))
        let time = Recorder<Date>()
        time.add(Date(timeIntervalSince1970: 1_795_374_000))
        let source = CredentialSource(Credentials(token: .plugin(plugin))) { time.values.last ?? .distantPast }
        #expect(try await source.proof().authorization == "Bearer t")
        time.add(Date(timeIntervalSince1970: 1_795_374_000 + 589))
        _ = try await source.proof()
        #expect(runs == 1)
        time.add(Date(timeIntervalSince1970: 1_795_374_000 + 591))
        _ = try await source.proof()
        #expect(runs == 2)
    }

    @Test func callersShareOneRun() async throws {
        let source = CredentialSource(Credentials(token: .plugin(try plugin(answer(#""token":"t""#)))))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { _ = try await source.proof() } }
            try await group.waitForAll()
        }
        #expect(runs == 1)
    }

    @Test func pluginIsAskedInItsVersionWithTheCluster() throws {
        var plugin = try plugin(
            """
            printf %s "$KUBERNETES_EXEC_INFO" > \(folder.path)/question; printf %s "$EXTRA $1" > \(folder.path)/extra
            """ + "\n" + answer(#""token":"t""#, version: "v1beta1"), version: "v1beta1")
        plugin.environment = ["EXTRA": "more"]
        plugin.arguments.append("an argument")
        plugin.cluster = ["server": "https://c.test"]
        #expect(try plugin.run(hasTerminal: false).token == "t")
        let question = try String(contentsOf: folder.url.appending(path: "question"), encoding: .utf8)
        #expect(
            question == """
                {"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential",\
                "spec":{"cluster":{"server":"https://c.test"},"interactive":false}}
                """)
        #expect(try String(contentsOf: folder.url.appending(path: "extra"), encoding: .utf8) == "more an argument")
    }

    @Test func pluginGivesCertificates() throws {
        let plugin = try plugin(answer(#""clientCertificateData":"C","clientKeyData":"K""#))
        let answer = try plugin.run(hasTerminal: false)
        #expect(answer.certificate == .init(certificate: Data("C".utf8), key: Data("K".utf8)))
        #expect(answer.token == nil && answer.expiration == nil)
    }

    @Test func pluginsThatFailAreNamed() throws {
        #expect(
            failure(try plugin("echo not logged in >&2; exit 3")).contains("failed with exit code 3. not logged in"))
        #expect(failure(try plugin("kill -9 $$")).contains("failed with exit code 137"))
        let secret = failure(try plugin("echo secret-thing"))
        #expect(secret.contains("did not print an ExecCredential") && !secret.contains("secret-thing"))
        #expect(failure(try plugin(answer(""))).contains("neither a token nor a certificate"))
        #expect(failure(try plugin(answer(#""clientKeyData":"K""#))).contains("without its key"))
        #expect(
            failure(try plugin(answer(#""token":"t""#, version: "v1beta1")))
                .contains("answers in client.authentication.k8s.io/v1beta1"))
        #expect(failure(try plugin("", interaction: .always)).contains("must ask somebody at a terminal"))
        var missing = try plugin("")
        missing.command = folder.path + "/none"
        #expect(failure(missing).contains("cannot be started: No such file or directory. Install it from somewhere."))
    }

    @Test func pluginsThatHangAreEnded() throws {
        var plugin = try plugin("exec sleep 600")
        plugin.patience = .milliseconds(200)
        #expect(failure(plugin).contains("did not answer within"))
    }

    @Test func whatAPluginLeavesBehindIsNotWaitedFor() throws {
        let plugin = try plugin("sleep 600 & echo $! > \(folder.path)/left; " + answer(#""token":"t""#))
        #expect(try plugin.run(hasTerminal: false).token == "t")
        let left = try String(contentsOf: folder.url.appending(path: "left"), encoding: .utf8)
        if let number = Int32(left.trimmingCharacters(in: .whitespacesAndNewlines)) { kill(number, SIGKILL) }
    }

    @Test func muchOutputDoesNotBlock() throws {
        let plugin = try plugin("head -c 300000 /dev/zero >&2; " + answer(#""token":"t""#))
        #expect(try plugin.run(hasTerminal: false).token == "t")
    }

    @Test func rotatedTokenFilesAreReadAgain() async throws {
        let file = folder.url.appending(path: "token")
        try "one\n".write(to: file, atomically: true, encoding: .utf8)
        let time = Recorder<Date>()
        time.add(Date(timeIntervalSince1970: 0))
        let source = CredentialSource(Credentials(token: .file(file.path))) { time.values.last ?? .distantPast }
        let first = try await source.proof()
        #expect(first.authorization == "Bearer one")
        try "two".write(to: file, atomically: true, encoding: .utf8)
        #expect(try await source.proof() == first)
        time.add(Date(timeIntervalSince1970: 11))
        let second = try await source.proof()
        #expect(second.authorization == "Bearer two")
        #expect(try await source.proof(insteadOf: first) == second)
        #expect(try await source.proof(insteadOf: second) == nil)
        try FileManager.default.removeItem(at: file)
        time.add(Date(timeIntervalSince1970: 22))
        await #expect { try await source.proof() } throws: { "\($0)".contains(file.path) }
    }

    @Test func encryptedKeysAreRefused() async {
        let key = Data("-----BEGIN ENCRYPTED PRIVATE KEY-----".utf8)
        let source = CredentialSource(Credentials(certificate: .data(certificate: Data("C".utf8), key: key)))
        await #expect { try await source.proof() } throws: { "\($0)".contains("without a password") }
    }

    @Test func passwordsAreSentAsBasic() async throws {
        let source = CredentialSource(Credentials(token: .basic(user: "a", password: "b")))
        #expect(try await source.proof().authorization == "Basic YTpi")
    }

    /// A token that the server refuses is renewed once, and only once.
    @Test func refusedTokensAreRenewedOnce() async throws {
        let file = folder.url.appending(path: "token")
        try "old".write(to: file, atomically: true, encoding: .utf8)
        let cluster = ClusterDouble()
        try cluster.putWorker(replicas: 1)
        cluster.accept(token: "old", user: "a")
        try await DoubleServer.with(cluster) { server async throws in
            let client = KubernetesClient(
                ClusterConfiguration(
                    server: server.url, credentials: Credentials(token: .file(file.path)), namespace: "msaas"),
                retry: .never)
            _ = try await client.scale(of: "worker")
            cluster.revoke(token: "old")
            cluster.accept(token: "new", user: "b")
            try "new".write(to: file, atomically: true, encoding: .utf8)
            _ = try await client.scale(of: "worker")
            #expect(cluster.calls.map(\.status) == [200, 401, 200])
            #expect(cluster.calls.map(\.user) == ["a", nil, "b"])
            cluster.revoke(token: "new")
            await #expect { _ = try await client.scale(of: "worker") } throws: {
                "\($0)".contains("does not accept the token in \(file.path)")
            }
            #expect(cluster.calls.count == 4)
        }
    }
}
