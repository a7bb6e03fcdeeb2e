import Foundation
import HTTPTransport
import LocalStack
import ObjectStorage
import TestSupport
import Testing

/// `msaas setup` as a process, against S3 servers with notifications: our own, and one by somebody else.
@Suite struct SetupTests {
    enum Kind: CaseIterable { case ours, moto }

    private static let keys = ["S3_ACCESS_KEY": "msaas", "S3_SECRET_KEY": "secret-key-1234"]
    private static var msaas: String {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "msaas").path
    }

    private static func start(_ kind: Kind) throws -> ServerProcess {
        switch kind {
        case .ours:
            try ServerProcess(
                [
                    msaas, "storage", "--data", "{directory}", "--port", "{port}", "--webhook",
                    "separate=http://127.0.0.1:9/separate", "--webhook", "other=http://127.0.0.1:9/",
                ], environment: keys)
        case .moto: try ServerProcess(["moto_server", "-H", "127.0.0.1", "-p", "{port}"])
        }
    }

    private func setup(
        _ port: Int, _ arguments: [String] = [], environment: [String: String] = [:]
    ) async throws -> (code: Int32, lines: [String]) {
        let result = try await Program.result(
            [Self.msaas, "setup"] + arguments,
            environment: Self.keys.merging(["S3_ENDPOINT": "http://127.0.0.1:\(port)"]) { $1 }
                .merging(environment) { $1 })
        return (result.code, result.text.split(separator: "\n").map(String.init))
    }

    private func client(_ port: Int) throws -> S3Client {
        S3Client(
            try S3Configuration(environment: Self.keys.merging(["S3_ENDPOINT": "http://127.0.0.1:\(port)"]) { $1 }),
            transport: CurlTransport())
    }

    @Test(arguments: Kind.allCases)
    func theSecondTimeNothingIsLeftToDo(kind: Kind) async throws {
        let server = try Self.start(kind)
        // Moto knows targets of AWS only.
        let arn = kind == .ours ? BucketSetup.webhookARN : "arn:aws:sqs:us-east-1:123456789012:separate"
        let first = try await setup(server.port, ["--webhook-arn", arn])
        #expect(first.code == 0)
        #expect(
            first.lines == [
                "created the bucket queue", "objects in queue are removed after 7 days",
                "created the bucket output", "objects in output are removed after 30 days",
                "new objects in queue are told to \(arn)",
            ])
        let second = try await setup(server.port, ["--webhook-arn", arn])
        #expect(second.code == 0)
        #expect(second.lines == ["everything is as it should be"])

        let client = try client(server.port)
        #expect(try await Set(client.buckets()) == ["queue", "output"])
        #expect(try await client.expiry(of: "queue") == [ExpiryRule(id: "msaas", days: 7)])
        #expect(try await client.expiry(of: "output") == [ExpiryRule(id: "msaas", days: 30)])
        let notification = try await client.notification(of: "queue")
        #expect(notification.map(\.arn) == [arn])
        #expect(notification.first?.events == ["s3:ObjectCreated:*"])
    }

    @Test(arguments: Kind.allCases)
    func lifetimesChangeAndEnd(kind: Kind) async throws {
        let server = try Self.start(kind)
        let arn = kind == .ours ? [] : ["--webhook-arn", "arn:aws:sqs:us-east-1:123456789012:separate"]
        _ = try await setup(server.port, arn)
        let changed = try await setup(
            server.port, arn + ["--stem-days", "0"], environment: ["MSAAS_SONG_DAYS": "3"])
        #expect(changed.lines == ["objects in queue are removed after 3 days", "objects in output are kept for ever"])
        let client = try client(server.port)
        #expect(try await client.expiry(of: "queue") == [ExpiryRule(id: "msaas", days: 3)])
        #expect(try await client.expiry(of: "output").isEmpty)
    }

    @Test func otherNotificationsStay() async throws {
        let server = try Self.start(.ours)
        _ = try await setup(server.port)
        let client = try client(server.port)
        let other = QueueConfiguration(
            id: "backup", arn: "arn:minio:sqs::other:webhook", events: ["s3:ObjectRemoved:*"], prefix: "a/")
        try await client.setNotification("queue", [other])
        #expect(try await setup(server.port).lines == ["new objects in queue are told to \(BucketSetup.webhookARN)"])
        #expect(Set(try await client.notification(of: "queue").map(\.id)) == ["backup", "separate"])
    }

    @Test func itWaitsForTheServer() async throws {
        let port = try freePort()
        let folder = try TemporaryDirectory()
        let log = folder.url.appending(path: "setup.log")
        let running = try ChildProcess(
            [Self.msaas, "setup", "--wait", "120"],
            environment: Self.keys.merging(["S3_ENDPOINT": "http://127.0.0.1:\(port)"]) { $1 }, output: log.path)
        let deadline = ContinuousClock.now + .seconds(60)
        while !((try? String(contentsOf: log, encoding: .utf8)) ?? "").contains("waiting: ") {
            guard ContinuousClock.now < deadline else { throw TestFailure("it does not say that it waits") }
            try await Task.sleep(for: .milliseconds(20))
        }
        let storage = try ChildProcess(
            [
                Self.msaas, "storage", "--data", folder.path + "/data", "--port", "\(port)", "--webhook",
                "separate=http://127.0.0.1:9/separate",
            ], environment: Self.keys)
        defer { storage.kill() }
        #expect(await running.wait() == 0)
        #expect(try await client(port).buckets().count == 2)
    }

    @Test func whatCannotBeMendedIsSaid() async throws {
        let server = try Self.start(.ours)
        let wrongKey = try await setup(server.port, environment: ["S3_SECRET_KEY": "wrong"])
        #expect(wrongKey.code == 1)
        #expect(wrongKey.lines.last?.contains("Check S3_ACCESS_KEY and S3_SECRET_KEY") == true, "\(wrongKey.lines)")

        let unknown = try await setup(server.port, ["--webhook-arn", "arn:minio:sqs::nobody:webhook", "--wait", "0"])
        #expect(unknown.code == 1)
        #expect(
            unknown.lines.last?.contains("has no webhook arn:minio:sqs::nobody:webhook") == true, "\(unknown.lines)")

        let days = try await setup(server.port, environment: ["MSAAS_SONG_DAYS": "soon"])
        #expect(days.code != 0)
        #expect(days.lines.first?.contains("MSAAS_SONG_DAYS is “soon”") == true, "\(days.lines)")

        let address = try await setup(server.port, environment: ["S3_ENDPOINT": ""])
        #expect(address.lines.first?.contains("S3_ENDPOINT is not set") == true, "\(address.lines)")
    }
}
