import Digests
import Foundation
import NIOCore
import Streams
import HTTPTransport
import ObjectStorage
import StorageServer
import TestSupport
import Testing

/// What is on the disk after a restart, a crash, an interrupted upload, and when many write at once.
@Suite struct DurabilityTests {
    private func files(_ directory: TemporaryDirectory, _ folder: String) throws -> [String] {
        let root = directory.url.appending(path: folder)
        let all = FileManager.default.enumerator(at: root, includingPropertiesForKeys: [.isRegularFileKey])
        return (all?.allObjects as? [URL] ?? []).filter { !$0.hasDirectoryPath }.map(\.path)
    }

    @Test func restart() async throws {
        let first = try await RunningStorage()
        let client = try first.client()
        try await client.createBucket("bucket")
        try await client.put("bucket", "dir/é+ 1", body: .bytes(Data("one".utf8)), metadata: ["model": "a"])
        try await client.put("bucket", "two", body: .bytes(Data("two".utf8)))
        try await client.put("bucket", "two", body: .bytes(Data("second two".utf8)))
        try await client.put("bucket", "gone", body: .bytes(Data("x".utf8)))
        try await client.delete("bucket", "gone")
        let before = try await client.list("bucket")
        try await first.stop()

        // What a crash leaves: bytes without a record, an unfinished upload, half a bucket.
        let data = first.directory.path + "/buckets/bucket/data/zz"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        try Data("orphan".utf8).write(to: URL(fileURLWithPath: data + "/zzzz.0"))
        try Data("half".utf8).write(to: URL(fileURLWithPath: first.directory.path + "/incoming/half"))
        try FileManager.default.createDirectory(
            atPath: first.directory.path + "/uploads/broken", withIntermediateDirectories: true)

        let second = try await RunningStorage(directory: first.directory)
        let again = try second.client()
        #expect(try await again.list("bucket") == before)
        #expect(try await again.head("bucket", "dir/é+ 1")?.metadata == ["model": "a"])
        #expect(try await again.get("bucket", "two").body.collect(limit: 100) == Data("second two".utf8))
        #expect(try files(first.directory, "buckets/bucket/data").count == 2)
        #expect(try files(first.directory, "incoming").isEmpty)
        #expect(try files(first.directory, "uploads").isEmpty)
    }

    @Test func cancelledUploadInPartsIsAborted() async throws {
        let first = try await RunningStorage()
        var client = try first.client()
        client.limits.part = 5 << 20
        try await client.createBucket("bucket")
        // Stop in the middle of a stream: its upload is aborted by the client.
        // It may come while the answer with the upload's id is still on its way.
        let (chunks, source) = AsyncThrowingStream.makeStream(of: Data.self)
        for _ in 0..<11 { source.yield(Data(repeating: 1, count: 1 << 20)) }
        let uploader = client
        let task = Task {
            try await uploader.put(
                "bucket", "k", body: .stream(ByteStream(chunks.map { ByteBuffer(bytes: $0) }), length: nil))
        }
        while try await client.unfinishedUploads("bucket").isEmpty { await Task.yield() }
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
        #expect(try await client.unfinishedUploads("bucket").isEmpty)
        #expect(try await client.head("bucket", "k") == nil)
    }

    @Test func twoServersDoNotShareAFolder() async throws {
        let first = try await RunningStorage()
        await #expect(throws: (any Error).self) { try await RunningStorage(directory: first.directory) }
        #expect(try await first.client().buckets().isEmpty)
    }

    /// Writers replace one object while readers read it: each reader sees one of the contents, whole.
    @Test func readersSeeWholeObjects() async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("bucket")
        let size = 1 << 20
        try await client.put("bucket", "k", body: .bytes(Data(repeating: 0, count: size)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for round in 0..<5 {
                        let byte = UInt8(writer * 10 + round)
                        try await client.put("bucket", "k", body: .bytes(Data(repeating: byte, count: size)))
                    }
                }
                group.addTask {
                    for _ in 0..<10 {
                        let object = try await client.get("bucket", "k")
                        let body = try await object.body.collect(limit: size)
                        #expect(body.count == size)
                        #expect(Set(body).count == 1)
                        #expect(Hash.digest(.md5, body).hex == object.head.eTag)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await client.list("bucket").objects.count == 1)
        try await storage.stop()
        let again = try await RunningStorage(directory: storage.directory)
        #expect(try files(again.directory, "buckets/bucket/data").count == 1)
    }

    @Test func manyObjectsAtOnce() async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("bucket")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask { try await client.put("bucket", "\(number)", body: .bytes(Data("\(number)".utf8))) }
            }
            try await group.waitForAll()
        }
        #expect(try await client.list("bucket").objects.count == 200)
        for number in 0..<200 {
            let body = try await client.get("bucket", "\(number)").body.collect(limit: 10)
            #expect(body == Data("\(number)".utf8))
        }
    }

    /// A client that goes away in the middle of its body leaves nothing.
    @Test func brokenUploadLeavesNothing() async throws {
        struct Gone: Error {}
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("bucket")
        let chunks = Countdown(4)
        let stream = ByteStream(next: {
            guard chunks.take() else { throw Gone() }
            return ByteBuffer(repeating: 1, count: 1 << 20)
        })
        await #expect(throws: Gone.self) {
            try await client.put("bucket", "k", body: .stream(stream, length: 100 << 20))
        }
        #expect(try await client.head("bucket", "k") == nil)
        try await storage.stop()
        #expect(try files(storage.directory, "incoming").isEmpty)
        #expect(try files(storage.directory, "buckets/bucket/data").isEmpty)
    }
}
