import Controller
import Foundation
import HTTPTransport
import Jobs
import Kubernetes
import KubernetesDouble
import Synchronization
import TestSupport
import Testing

/// `autoscaler run` as users run it: processes, signals, files.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RunCommandTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    @Test func oneIsKilledAndTheOtherTakesOver() async throws {
        try await Stage.with { stage in
            let first = try process("a", stage)
            try await eventually("a leads") { try await page(first, "healthz") == "leading\n" }
            let second = try process("b", stage)
            try await eventually("b follows") { try await page(second, "healthz") == "following\n" }
            let ids = try await stage.enqueue(30)
            try await eventually("the jobs are done") { try await stage.allDone(ids) }
            #expect(!stage.cluster.scalings(by: "a").isEmpty && stage.cluster.scalings(by: "b").isEmpty)
            #expect(try await page(first, "metrics").contains("msaas_autoscaler_leader 1\n"))
            #expect(try await page(second, "metrics").contains("msaas_autoscaler_leader 0\n"))

            first.kill()
            let begin = ContinuousClock.now
            let more = try await stage.enqueue(30)
            try await eventually("b leads") { try await page(second, "healthz") == "leading\n" }
            print("takeover \(ContinuousClock.now - begin) after the leader was killed, with a lease of 2 s")
            try await eventually("the jobs are done") { try await stage.allDone(more) }
            try await eventually("b has scaled") { !stage.cluster.scalings(by: "b").isEmpty }

            // One that is asked to end gives the lease back: the next need not wait.
            let third = try process("c", stage)
            try await eventually("c follows") { try await page(third, "healthz") == "following\n" }
            second.terminate()
            try await eventually("c leads") { try await page(third, "healthz") == "leading\n" }
            try await eventually("b has ended") { second.status == 0 }
            try await eventually("the fleet is gone") { stage.replicas == 0 && stage.cluster.pods.isEmpty }
            #expect(stage.workers.killed == [])
            third.terminate()
            try await eventually("c has ended") { third.status == 0 }
            #expect(stage.cluster.object(.leases, "shared")?["spec"]?["holderIdentity"]?.string == "")
            let log = second.errors
            #expect(log.contains("scaled ") && log.contains("\"why\":") && log.contains("\"reasons\":"))
        }
    }

    /// What the file and the environment know is a flag, too.
    @Test func everySettingIsAFlag() async throws {
        let program = Places.products.appending(path: "autoscaler").path
        let help = try await Program.run([program, "run", "--help"])
        for name in ControllerConfiguration.names {
            #expect(help.contains("--\(name) <"), "RunOptions of RunCommand.swift lacks --\(name)")
        }
    }

    @Test(arguments: [
        (
            ["--max-replicas", "none"],
            "max-replicas is “none”; write a whole number. It comes from the flag --max-replicas."
        ),
        (["--config", "/nowhere.yaml"], "The configuration /nowhere.yaml cannot be read."),
        (["--redis-url", "http://x"], "REDIS_URL cannot be used"),
        (["--context", "nobody"], "has no context nobody"),
    ])
    func whatCannotBeIsSaid(arguments: [String], sentence: String) async throws {
        let running = try Running(["run"] + arguments, ["KUBECONFIG": try kubeconfig("http://127.0.0.1:1", "t")])
        try await eventually("it has ended") { running.status != nil }
        #expect(running.status != 0 && running.errors.contains(sentence), "\(running.errors)")
    }

    // MARK: - Processes

    private func process(_ name: String, _ stage: Stage) throws -> Running {
        stage.cluster.accept(token: name, user: name)
        let file = folder.path + "/settings.yaml"
        try """
        lease-name: shared
        lease-duration: 2s
        renew-deadline: 1500ms
        retry-period: 200ms
        interval: 100ms
        stabilisation-window: 400ms
        settle-window: 400ms
        growth-pause: 0s
        idle-window: 600ms
        growth-period: 300ms
        trend-percent: 0
        max-replicas: 50
        """.write(toFile: file, atomically: true, encoding: .utf8)
        return try Running(
            ["run", "--config", file, "--identity", name, "--listen", "127.0.0.1:\(try freePort())"],
            [
                "KUBECONFIG": try kubeconfig(stage.server.url, name),
                "REDIS_URL": "redis://127.0.0.1:\(stage.redis.port)",
                "AUTOSCALER_MAX_REPLICAS": "6",
            ])
    }

    private func kubeconfig(_ server: String, _ token: String) throws -> String {
        let file = folder.path + "/kubeconfig-\(token)"
        try """
        current-context: c
        contexts: [{name: c, context: {cluster: c, user: u, namespace: msaas}}]
        clusters: [{name: c, cluster: {server: "\(server)"}}]
        users: [{name: u, user: {token: \(token)}}]
        """.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }

    private func page(_ process: Running, _ path: String) async throws -> String {
        guard let address = process.listen else { throw TestFailure("it does not listen") }
        do {
            let response = try await CurlTransport().send(HTTPRequest(method: "GET", url: "http://\(address)/\(path)"))
            return String(decoding: try await response.body.collect(limit: 1 << 20), as: UTF8.self)
        } catch { return "\(error)" }
    }
}

/// The executable that was built beside the tests, running.
private final class Running: Sendable {
    let listen: String?
    private let process: Mutex<Process>
    private let log: TemporaryDirectory

    init(_ arguments: [String], _ environment: [String: String]) throws {
        listen = arguments.last
        log = try TemporaryDirectory()
        let process = Process()
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "autoscaler")
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": log.path].merging(environment) { $1 }
        try Data().write(to: URL(filePath: log.path + "/errors"))
        process.standardError = try FileHandle(forWritingTo: URL(filePath: log.path + "/errors"))
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process = Mutex(process)
    }

    deinit { kill() }

    var errors: String { (try? String(contentsOfFile: log.path + "/errors", encoding: .utf8)) ?? "" }
    /// The exit status, once it has ended.
    var status: Int32? { process.withLock { $0.isRunning ? nil : $0.terminationStatus } }
    func terminate() { process.withLock { $0.terminate() } }

    func kill() {
        process.withLock { process in
            guard process.isRunning else { return }
            Foundation.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }
}
