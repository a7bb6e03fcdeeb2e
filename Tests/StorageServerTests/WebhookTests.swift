import Encodings
import Foundation
import NIOCore
import Streams
import HTTPTransport
import HTTPTypes
import ObjectStorage
import StorageServer
import TestSupport
import Testing

/// Bucket notifications and the webhooks that they end in.
@Suite struct WebhookTests {
    private let arn = "arn:minio:sqs::separate:webhook"

    private func storage(_ url: String, token: String = "a-token", directory: TemporaryDirectory? = nil) async throws
        -> RunningStorage
    {
        try await RunningStorage(
            directory: directory, webhooks: [WebhookTarget(id: "separate", endpoint: url, token: token)])
    }

    private func entry(_ events: [String] = ["s3:ObjectCreated:*"], prefix: String? = nil, suffix: String? = nil)
        -> QueueConfiguration
    {
        QueueConfiguration(id: "separate", arn: arn, events: events, prefix: prefix, suffix: suffix)
    }

    /// The event has the members of one that a real MinIO server sent, with values of the same kind.
    @Test(arguments: ["minio-event.json", "minio-event-multipart.json"])
    func bodyIsMinIOs(fixture: String) async throws {
        let receiver = try await WebhookReceiver()
        let storage = try await storage(receiver.url)
        var client = try storage.client()
        client.limits.part = 5 << 20
        try await client.createBucket("queue")
        try await client.setNotification("queue", [entry()])
        let recorded = try Data(contentsOf: Tool.resource("Fixtures/\(fixture)"))
        let expected = try #require(try BucketEvent.decode(body: recorded).first)
        if fixture.contains("multipart") {
            let body = ByteStream(Data(repeating: 1, count: 5_242_890))
            try await client.put("queue", "j2/big.mp3", body: .stream(body, length: nil))
        } else {
            try await client.put(
                "queue", expected.key, body: .bytes(Data("abcdef".utf8)), contentType: "audio/mpeg",
                metadata: ["model": "htdemucs"])
        }
        let delivery = try #require(await receiver.next(1).first)
        #expect(delivery.headers[.contentType] == "application/json")
        #expect(delivery.headers[.authorization] == "Bearer a-token")
        #expect(try BucketEvent.decode(body: delivery.body) == [expected])
        let (ours, theirs) = (try object(delivery.body), try object(recorded))
        for name in ["key", "size", "contentType", "userMetadata"] where fixture == "minio-event.json" {
            #expect(ours[name] == theirs[name], "\(name)")
        }
        #expect(ours["size"] == theirs["size"])
        #expect(ours["eTag"]?.string?.contains("-") == theirs["eTag"]?.string?.contains("-"))
        #expect(ours["sequencer"]?.string?.count == theirs["sequencer"]?.string?.count)
        var difference = try Shape(delivery.body).missing(from: Shape(recorded))
        difference.subtract([
            ".Records[].s3.object.versionId", ".Records[].s3.object.userMetadata.X-Minio-Internal-actual-size",
        ])
        #expect(difference.isEmpty)
        #expect(try Shape(recorded).missing(from: Shape(delivery.body)).isEmpty)
    }

    private func object(_ body: Data) throws -> JSONValue {
        let event = try JSONDecoder().decode(JSONValue.self, from: body)
        return try #require(event["Records"]?.array?.first?["s3"]?["object"])
    }

    @Test func filters() async throws {
        let receiver = try await WebhookReceiver()
        let storage = try await storage(receiver.url)
        let client = try storage.client()
        try await client.createBucket("queue")
        let entries = [
            entry(["s3:ObjectCreated:Put"], prefix: "é/", suffix: ".mp3"),
            entry(["s3:ObjectRemoved:*"], prefix: "gone"),
        ]
        try await client.setNotification("queue", entries)
        #expect(try await client.notification(of: "queue") == entries)
        for key in ["é/a.wav", "a.mp3", "é/1.mp3", "gone", "é/2.mp3"] {
            try await client.put("queue", key, body: .bytes(Data("x".utf8)))
        }
        try await client.delete("queue", "é/1.mp3")
        try await client.delete("queue", "gone")
        try await client.delete("queue", "gone")
        try await client.put("queue", "é/3.mp3", body: .empty)
        // In any order: those of different objects are sent at the same time.
        let keys = await receiver.next(4).map(\.key).sorted()
        #expect(keys == ["queue/gone", "queue/é/1.mp3", "queue/é/2.mp3", "queue/é/3.mp3"])
    }

    /// The target refuses, then is away, then comes back; the storage restarts in between. Nothing is lost.
    @Test func survivesOutagesAndRestarts() async throws {
        var receiver = try await WebhookReceiver()
        await receiver.answers(503)
        let port = receiver.port
        let first = try await storage(receiver.url)
        let client = try first.client()
        try await client.createBucket("queue")
        try await client.setNotification("queue", [entry()])
        let keys = (0..<5).map { "song \($0)" }
        for key in keys { try await client.put("queue", key, body: .bytes(Data(key.utf8))) }
        let refused = Set(await receiver.next(10).map(\.key))
        #expect(refused == Set(keys.map { "queue/\($0)" }))

        try await receiver.stop()
        try await first.stop()
        let second = try await storage("http://127.0.0.1:\(port)/events", directory: first.directory)
        try await second.client().put("queue", "song 5", body: .bytes(Data("x".utf8)))
        receiver = try await WebhookReceiver(port: port)
        let taken = Set(await receiver.next(6).map(\.key))
        #expect(taken == Set((0..<6).map { "queue/song \($0)" }))
        try await eventually("nothing waits") {
            try FileManager.default.contentsOfDirectory(atPath: first.directory.path + "/events/separate") == ["aside"]
        }
    }

    /// Events of one object come one after the other, in order, whatever becomes of the first of them.
    @Test func eventsOfOneObjectStayInOrder() async throws {
        let receiver = try await WebhookReceiver()
        await receiver.answers(503)
        let storage = try await storage(receiver.url)
        let client = try storage.client()
        try await client.createBucket("queue")
        try await client.setNotification("queue", [entry(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])])
        try await client.put("queue", "k", body: .bytes(Data("x".utf8)))
        try await client.delete("queue", "k")
        func names(_ count: Int) async -> [String] {
            await receiver.next(count).map { delivery in
                let document = try? JSONSerialization.jsonObject(with: delivery.body) as? [String: Any]
                return document?["EventName"] as? String ?? ""
            }
        }
        let refused = await names(2)
        #expect(Set(refused) == ["s3:ObjectCreated:Put"])
        await receiver.answers(200)
        var last = ""
        while last != "s3:ObjectRemoved:Delete" { last = await names(1).first ?? "" }
    }

    /// Row 50: a burst is not sent one by one.
    @Test func severalAreSentAtOnce() async throws {
        let receiver = try await WebhookReceiver()
        await receiver.gathers(6)
        let storage = try await storage(receiver.url)
        let client = try storage.client()
        try await client.createBucket("queue")
        try await client.setNotification("queue", [entry()])
        for index in 0..<8 { try await client.put("queue", "k\(index)", body: .empty) }
        #expect(await receiver.next(8).count == 8)
    }

    @Test func unknownTarget() async throws {
        let storage = try await storage("http://127.0.0.1:1/")
        let client = try storage.client()
        try await client.createBucket("queue")
        for arn in ["arn:minio:sqs::other:webhook", "arn:aws:sqs:us-east-1:1:q", "", "arn:minio:sqs::separate:amqp"] {
            let error = await #expect(throws: S3Error.self) {
                try await client.setNotification(
                    "queue", [QueueConfiguration(id: "x", arn: arn, events: ["s3:ObjectCreated:*"])])
            }
            #expect(error?.code == "InvalidArgument")
        }
        let error = await #expect(throws: S3Error.self) { try await client.setNotification("queue", [entry(["bad"])]) }
        #expect(error?.code == "InvalidArgument")
        #expect(try await client.notification(of: "queue") == [])
    }

    @Test func tokenOfTwoWordsIsSentAsItIs() async throws {
        let receiver = try await WebhookReceiver()
        let storage = try await storage(receiver.url, token: "Basic abc")
        let client = try storage.client()
        try await client.createBucket("queue")
        try await client.setNotification("queue", [entry()])
        try await client.put("queue", "k", body: .empty)
        let delivery = try #require(await receiver.next(1).first)
        #expect(delivery.headers[.authorization] == "Basic abc")
        #expect(try object(delivery.body)["size"] == nil, "servers leave it out for empty objects")
    }
}

/// Which members a JSON document has, and whether their values are text, numbers or lists.
private struct Shape {
    private var members: Set<String> = []

    init(_ data: Data) throws {
        collect(try JSONSerialization.jsonObject(with: data), "")
    }

    private mutating func collect(_ value: Any, _ path: String) {
        switch value {
        case let object as [String: Any]: for (name, value) in object { collect(value, "\(path).\(name)") }
        case let list as [Any]: for value in list { collect(value, "\(path)[]") }
        default: members.insert(path)
        }
    }

    func missing(from other: Shape) -> Set<String> { other.members.subtracting(members) }
}
