import Foundation
import NIOCore
import Streams
import HTTPTransport
import ObjectStorage
import TestSupport
import Testing

/// The client against our own server and against `moto_server`, which somebody else wrote.
@Suite struct S3ClientTests {
    /// A server to talk to.
    enum Kind: CaseIterable { case embedded, moto }

    private final class Storage {
        let client: S3Client
        /// A bucket of this test's own.
        let bucket = "bucket-\(UUID().uuidString.lowercased())"
        private let embedded: RunningStorage?

        /// One for all tests; it ends with this process.
        private static let moto = Result {
            try ServerProcess(["python3", Tool.resource("Clients/moto_server.py").path, "{port}"])
        }

        init(_ kind: Kind) async throws {
            switch kind {
            case .embedded:
                let storage = try await RunningStorage()
                embedded = storage
                client = try storage.client()
            case .moto:
                embedded = nil
                client = S3Client(
                    try S3Configuration(
                        endpoint: "http://127.0.0.1:\(try Self.moto.get().port)", accessKey: "msaas",
                        secretKey: "secret"),
                    transport: CurlTransport())
            }
            try await client.createBucket(bucket)
        }
    }

    static let keys = [
        "plain", "dir one/my song+é.mp3", "a b", "a+b", "ü/é", "a/b/c", "a", "trailing/", "100%", "per%20cent", "~-._",
        "'quoted'(x)!*", "a&b=c?d#e;f:g@h,i$j", "\u{1F3B5}.mp3", "e\u{301}", "..hidden", "a//b", "<xml>\"&amp;",
        String(repeating: "long/", count: 60) + "end",
    ]

    @Test(arguments: Kind.allCases)
    func keysOfAllKinds(kind: Kind) async throws {
        let storage = try await Storage(kind)
        let client = storage.client
        try await client.createBucket(storage.bucket)
        #expect(try await client.buckets().contains(storage.bucket))
        for (index, key) in Self.keys.enumerated() {
            let body = Data("content \(index) of \(key)".utf8)
            let metadata = ["model": "htdemucs", "two-stems": "vocals"]
            let result = try await client.put(
                storage.bucket, key, body: .bytes(body), contentType: "audio/mpeg", metadata: metadata)
            let head = try #require(try await client.head(storage.bucket, key), "\(key)")
            #expect(head.size == body.count)
            #expect(head.eTag == result.eTag)
            #expect(head.contentType == "audio/mpeg")
            #expect(head.metadata == metadata)
            #expect(abs(try #require(head.lastModified).timeIntervalSinceNow) < 3600)
            let object = try await client.get(storage.bucket, key)
            #expect(try await object.body.collect(limit: 10_000) == body, "\(key)")
        }
        var listed: [String] = []
        for try await object in client.objects(storage.bucket) { listed.append(object.key) }
        let expected = Self.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        #expect(listed.map { Array($0.utf8) } == expected.map { Array($0.utf8) })

        try await client.delete(storage.bucket, "a")
        try await client.delete(storage.bucket, "a")
        #expect(try await client.head(storage.bucket, "a") == nil)
        #expect(try await client.head(storage.bucket, "a/b/c") != nil)
        try await client.deleteMany(storage.bucket, Self.keys)
        #expect(try await client.list(storage.bucket).objects.isEmpty)
        try await client.deleteBucket(storage.bucket)
        #expect(try await client.bucketExists(storage.bucket) == false)
    }

    @Test(arguments: Kind.allCases)
    func ranges(kind: Kind) async throws {
        let storage = try await Storage(kind)
        let body = Data((0..<1000).map { UInt8(truncatingIfNeeded: $0) })
        try await storage.client.put(storage.bucket, "k", body: .bytes(body))
        for (range, expected) in [
            (ByteRange.bytes(100..<200), 100..<200), (.bytes(990..<5000), 990..<1000), (.from(999), 999..<1000),
            (.last(10), 990..<1000), (.last(5000), 0..<1000), (.from(0), 0..<1000),
        ] {
            let object = try await storage.client.get(storage.bucket, "k", range: range)
            #expect(object.head.range == expected)
            #expect(object.head.size == 1000)
            #expect(try await object.body.collect(limit: 1000) == body[expected])
        }
        let client = storage.client
        let error = await #expect(throws: S3Error.self) {
            try await client.get(storage.bucket, "k", range: .from(1000))
        }
        #expect(error?.code == "InvalidRange")
    }

    @Test(arguments: Kind.allCases)
    func paging(kind: Kind) async throws {
        let storage = try await Storage(kind)
        let client = storage.client
        for number in 10..<35 {
            try await client.put(storage.bucket, "list/ä+ \(number)", body: .bytes(Data("x".utf8)))
        }
        try await client.put(storage.bucket, "other/1", body: .empty)
        try await client.put(storage.bucket, "top", body: .empty)
        var keys: [String] = []
        var pages = 0
        var continuation: String?
        repeat {
            let page = try await client.list(storage.bucket, prefix: "list/", continuation: continuation, limit: 10)
            keys += page.objects.map(\.key)
            continuation = page.continuation
            pages += 1
        } while continuation != nil
        #expect(pages == 3)
        #expect(keys == (10..<35).map { "list/ä+ \($0)" })
        let folders = try await client.list(storage.bucket, delimiter: "/")
        #expect(folders.commonPrefixes == ["list/", "other/"])
        #expect(folders.objects.map(\.key) == ["top"])
        let after = try await client.list(storage.bucket, startAfter: "list/ä+ 33")
        #expect(after.objects.map(\.key) == ["list/ä+ 34", "other/1", "top"])
    }

    @Test(arguments: Kind.allCases)
    func uploadsInParts(kind: Kind) async throws {
        let storage = try await Storage(kind)
        var client = storage.client
        client.limits.singleFile = 6 << 20
        client.limits.part = 5 << 20
        let body = Data((0..<(11 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 5) })
        let directory = try TemporaryDirectory()
        let file = directory.url.appending(path: "body")
        try body.write(to: file)

        let metadata = ["model": "starter"]
        let whole = try await client.putFile(storage.bucket, "file", file, contentType: "audio/wav", metadata: metadata)
        #expect(whole.size == body.count)
        #expect(whole.eTag.hasSuffix("-3"))
        #expect(try await client.head(storage.bucket, "file")?.metadata == metadata)
        #expect(try await client.head(storage.bucket, "file")?.contentType == "audio/wav")
        #expect(try await client.get(storage.bucket, "file").body.collect(limit: body.count) == body)
        let middle = try await client.get(storage.bucket, "file", range: .bytes((5 << 20) - 10..<(5 << 20) + 10))
        #expect(try await middle.body.collect(limit: 20) == body[(5 << 20) - 10..<(5 << 20) + 10])

        let stream = ByteStream(body.prefix(6 << 20))
        let parts = try await client.put(storage.bucket, "stream", body: .stream(stream, length: nil))
        #expect(parts.eTag.hasSuffix("-2"))
        #expect(try await client.get(storage.bucket, "stream").body.collect(limit: body.count) == body.prefix(6 << 20))

        let small = try await client.put(
            storage.bucket, "small", body: .stream(ByteStream(Data("abc".utf8)), length: nil))
        #expect(small == PutResult(eTag: "900150983cd24fb0d6963f7d28e17f72", size: 3))
        let known = try await client.put(storage.bucket, "known", body: .stream(ByteStream(body), length: body.count))
        #expect(known.eTag.count == 32)
        #expect(try await client.get(storage.bucket, "known").body.collect(limit: body.count) == body)
        #expect(try await client.unfinishedUploads(storage.bucket).isEmpty)
    }

    struct Broken: Error {}

    @Test(arguments: Kind.allCases)
    func failedStreamLeavesNothing(kind: Kind) async throws {
        let storage = try await Storage(kind)
        var client = storage.client
        client.limits.part = 5 << 20
        let (chunks, source) = AsyncThrowingStream.makeStream(of: Data.self)
        for _ in 0..<12 { source.yield(Data(repeating: 7, count: 1 << 20)) }
        source.finish(throwing: Broken())
        let uploader = client
        await #expect(throws: Broken.self) {
            try await uploader.put(
                storage.bucket, "k", body: .stream(ByteStream(chunks.map { ByteBuffer(bytes: $0) }), length: nil))
        }
        #expect(try await client.head(storage.bucket, "k") == nil)
        #expect(try await client.unfinishedUploads(storage.bucket).isEmpty)
    }

    @Test(arguments: Kind.allCases)
    func presignedAddresses(kind: Kind) async throws {
        let storage = try await Storage(kind)
        let transport = CurlTransport()
        let put = try storage.client.presign(
            "PUT", storage.bucket, "dir one/é+.mp3", expires: .seconds(60),
            headers: [("Content-Type", "audio/mpeg"), ("x-amz-meta-model", "starter")])
        let answer = try await transport.send(
            HTTPRequest(
                method: "PUT", url: put.absoluteString,
                headers: ["Content-Type": "audio/mpeg", "x-amz-meta-model": "starter"], body: .bytes(Data("song".utf8)))
        )
        #expect(answer.status == 200)
        #expect(try await storage.client.head(storage.bucket, "dir one/é+.mp3")?.metadata == ["model": "starter"])
        let get = try storage.client.presign(
            "GET", storage.bucket, "dir one/é+.mp3", expires: .seconds(60),
            query: [("response-content-disposition", "attachment; filename=\"a b.mp3\"")])
        let song = try await transport.send(HTTPRequest(url: get.absoluteString))
        #expect(song.status == 200)
        if kind == .moto { return }  // has no overrides of header fields
        #expect(song.headers["Content-Disposition"] == "attachment; filename=\"a b.mp3\"")
        #expect(try await song.body.collect(limit: 10) == Data("song".utf8))
    }

    @Test(arguments: Kind.allCases)
    func missingThings(kind: Kind) async throws {
        let storage = try await Storage(kind)
        let client = storage.client
        let bucket = await #expect(throws: S3Error.self) { try await client.list("nobucket") }
        #expect(bucket?.code == "NoSuchBucket")
        #expect(bucket?.isNotFound == true)
        let key = await #expect(throws: S3Error.self) { try await client.get(storage.bucket, "k") }
        #expect(key?.code == "NoSuchKey")
        #expect(key?.description == "There is no object “\(storage.bucket)/k”.")
        #expect(try await client.head(storage.bucket, "k") == nil)
    }
}

/// Streams with a checksum behind them.
@Suite struct ChecksummedStreamTests {
    private func stream(_ sizes: [Int]) -> (ByteStream, Data) {
        var all = Data()
        var chunks: [ByteBuffer] = []
        for size in sizes {
            let chunk = Data((0..<size).map { UInt8(truncatingIfNeeded: ($0 + all.count) &* 31 >> 3) })
            all.append(chunk)
            chunks.append(ByteBuffer(bytes: chunk))
        }
        let (stream, source) = AsyncStream.makeStream(of: ByteBuffer.self)
        for chunk in chunks { source.yield(chunk) }
        source.finish()
        return (ByteStream(stream), all)
    }

    /// However the source is cut, and whatever its length, the framing is as long as it was said to be, and the server takes it.
    @Test(arguments: [[], [1], [65_535], [65_536], [65_537], [10, 65_536, 1], [200_000], [70_000, 70_000, 60_001]])
    func everyLength(sizes: [Int]) async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("bucket")
        let (stream, all) = stream(sizes)
        let result = try await client.put("bucket", "k", body: .stream(stream, length: all.count))
        #expect(result.size == all.count)
        #expect(try await client.get("bucket", "k").body.collect(limit: 1 << 20) == all)
    }

    /// One byte is changed on the way: the server keeps nothing.
    @Test func aChangedByteIsRefused() async throws {
        struct Tampering: HTTPTransport {
            let base = CurlTransport()
            func send(_ request: HTTPRequest) async throws -> HTTPResponse {
                var request = request
                if case .stream(let stream, let length) = request.body {
                    let changed = stream.map { buffer in
                        var buffer = buffer
                        if let index = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "!")) {
                            buffer.setInteger(UInt8(ascii: "?"), at: index)
                        }
                        return buffer
                    }
                    request.body = .stream(ByteStream(changed), length: length)
                }
                return try await base.send(request)
            }
        }
        let storage = try await RunningStorage()
        try await storage.client().createBucket("bucket")
        let configuration = try S3Configuration(
            endpoint: storage.endpoint, accessKey: RunningStorage.accessKey, secretKey: RunningStorage.secretKey)
        let client = S3Client(configuration, transport: Tampering())
        let error = await #expect(throws: S3Error.self) {
            try await client.put("bucket", "k", body: .stream(ByteStream(Data("hello!".utf8)), length: 6))
        }
        #expect(error?.code == "BadDigest")
        #expect(try await client.head("bucket", "k") == nil)
    }

    @Test(arguments: [5, 7])
    func aWrongLengthIsNoticed(length: Int) async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("bucket")
        await #expect(throws: HTTPError.wrongBodyLength(announced: length, sent: 6)) {
            try await client.put("bucket", "k", body: .stream(ByteStream(Data("hello!".utf8)), length: length))
        }
        #expect(try await client.head("bucket", "k") == nil)
    }
}
