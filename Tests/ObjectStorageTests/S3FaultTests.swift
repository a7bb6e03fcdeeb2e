import Foundation
import NIOCore
import Streams
import HTTPTransport
import ObjectStorage
import Synchronization
import Testing

/// How the client meets a storage that fails, against servers that fail on purpose.
@Suite struct S3FaultTests {
    private func client(_ server: ScriptedServer) throws -> S3Client {
        let configuration = try S3Configuration(endpoint: server.url, accessKey: "key", secretKey: "secret")
        var client = S3Client(configuration, transport: CurlTransport())
        client.retry.first = .milliseconds(1)
        return client
    }

    private static let slowDown = """
        <?xml version="1.0" encoding="UTF-8"?>
        <Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>
        """

    private static func answer(_ status: String, _ body: String = "", _ headers: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }

    @Test func triesAgainAfterSlowDownAndLostConnections() async throws {
        let count = Mutex(0)
        let server = try ScriptedServer { connection in
            while connection.readHead() != nil {
                _ = connection.read(5)
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                switch number {
                case 1: connection.write(Self.answer("503 Slow Down", Self.slowDown))
                case 2: return  // the connection just ends
                case 3: connection.write(Self.answer("500 Internal Server Error"))
                default: connection.write(Self.answer("200 OK", "", "ETag: \"5d41402abc4b2a76b9719d911017c592\"\r\n"))
                }
            }
        }
        let result = try await client(server).put("b", "k", body: .bytes(Data("hello".utf8)))
        #expect(result == PutResult(eTag: "5d41402abc4b2a76b9719d911017c592", size: 5))
        #expect(count.withLock { $0 } == 4)
    }

    @Test func givesUpAfterTheLastAttempt() async throws {
        let count = Mutex(0)
        let server = try ScriptedServer { connection in
            while connection.readHead() != nil {
                count.withLock { $0 += 1 }
                connection.write(Self.answer("503 Slow Down", Self.slowDown))
            }
        }
        let error = await #expect(throws: S3Error.self) { try await client(server).get("b", "k") }
        #expect(error?.code == "SlowDown")
        #expect(count.withLock { $0 } == 5)
    }

    @Test func doesNotRepeatAStream() async throws {
        let count = Mutex(0)
        let server = try ScriptedServer { connection in
            while let head = connection.readHead() {
                // What follows a head is the chunks of its body.
                guard "\(head)".contains("PUT") else { continue }
                count.withLock { $0 += 1 }
                connection.write(Self.answer("503 Slow Down", Self.slowDown))
            }
        }
        await #expect(throws: S3Error.self) {
            try await client(server).put("b", "k", body: .stream(ByteStream(Data("hello".utf8)), length: 5))
        }
        #expect(count.withLock { $0 } == 1)
    }

    @Test func doesNotRepeatWhatIsRefused() async throws {
        let count = Mutex(0)
        let server = try ScriptedServer { connection in
            while connection.readHead() != nil {
                count.withLock { $0 += 1 }
                connection.write(Self.answer("403 Forbidden"))
            }
        }
        let error = await #expect(throws: S3Error.self) { try await client(server).get("b", "k") }
        #expect(error?.code == "AccessDenied")
        #expect(count.withLock { $0 } == 1)
    }

    /// Each connection gives 1,000 bytes more and breaks; the client asks for the rest of the same object.
    @Test func resumesByRange() async throws {
        let body = Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 / 7) })
        let heads = Mutex<[String]>([])
        let server = try ScriptedServer { connection in
            guard let head = connection.readHead() else { return }
            heads.withLock { $0.append(head) }
            let range = head.firstMatch(of: /Range: bytes=(\d+)-/)
            let start = range.flatMap { Int($0.1) } ?? 0
            let rest = body[start...]
            connection.write(
                (range == nil
                    ? "HTTP/1.1 200 OK\r\n"
                    : "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes \(start)-4999/5000\r\n")
                    + "ETag: \"tag\"\r\nContent-Length: \(rest.count)\r\n\r\n")
            connection.write(Data(rest.prefix(1000)))
        }
        let object = try await client(server).get("b", "k")
        #expect(object.head.size == 5000)
        #expect(try await object.body.collect(limit: 5000) == body)
        let seen = heads.withLock { $0 }
        #expect(seen.count == 5)
        #expect(seen.dropFirst().allSatisfy { $0.contains("If-Match: \"tag\"") })
        #expect(seen[4].contains("Range: bytes=4000-4999"))
    }

    /// The connection stays open and nothing more comes.
    @Test func resumesAfterAStall() async throws {
        let body = Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 / 7) })
        let server = try ScriptedServer { connection in
            guard let head = connection.readHead() else { return }
            let start = head.firstMatch(of: /Range: bytes=(\d+)-/).flatMap { Int($0.1) } ?? 0
            let status = start == 0 ? "200 OK" : "206 Partial Content\r\nContent-Range: bytes \(start)-4999/5000"
            connection.write("HTTP/1.1 \(status)\r\nETag: \"tag\"\r\nContent-Length: \(5000 - start)\r\n\r\n")
            connection.write(Data(body[start...].prefix(start == 0 ? 1000 : 5000)))
            connection.waitForClose()
        }
        var client = try client(server)
        client.timeouts.idle = .seconds(1)
        #expect(try await client.get("b", "k").body.collect(limit: 5000) == body)
        #expect(server.connections == 2)
    }

    @Test func pausesGrowAndAreScattered() {
        var policy = RetryPolicy(attempts: 9, first: .milliseconds(100), longest: .seconds(1))
        let delays = (0..<100).map { _ in policy.delay(after: 2) }
        #expect(delays.allSatisfy { (.milliseconds(100) ... .milliseconds(200)).contains($0) })
        #expect(Set(delays).count > 1)
        policy.random = { 0 }
        #expect(
            (1...6).map { policy.delay(after: $0) } == [100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
        policy.random = { 1 }
        #expect(policy.delay(after: 1) == .milliseconds(50))
    }

    @Test func doesNotMixVersions() async throws {
        let server = try ScriptedServer { connection in
            guard connection.readHead() != nil else { return }
            if connection.number == 0 {
                connection.write("HTTP/1.1 200 OK\r\nETag: \"old\"\r\nContent-Length: 100\r\n\r\nabc")
            } else {
                connection.write(Self.answer("412 Precondition Failed"))
            }
        }
        let object = try await client(server).get("b", "k")
        let error = await #expect(throws: S3Error.self) { try await object.body.collect(limit: 1000) }
        #expect(error?.code == "PreconditionFailed")
    }

    /// The server compares what it got with the checksum behind it; what it says of the entity tag means nothing, and nothing is ever
    /// deleted.
    @Test func anEntityTagThatIsNoDigestIsNoReasonToDelete() async throws {
        let heads = Mutex<[String]>([])
        let bodies = Mutex<[Data]>([])
        let server = try ScriptedServer { connection in
            while let head = connection.readHead() {
                heads.withLock { $0.append(head) }
                let length = head.firstMatch(of: /Content-Length: (\d+)/).flatMap { Int($0.1) } ?? 0
                let body = connection.read(length)
                bodies.withLock { $0.append(body) }
                connection.write(
                    Self.answer(
                        "200 OK", "",
                        "ETag: \"00000000000000000000000000000000\"\r\nx-amz-server-side-encryption: aws:kms\r\n"))
            }
        }
        let result = try await client(server).put(
            "b", "k", body: .stream(ByteStream(Data("hello".utf8)), length: 5))
        #expect(result.size == 5)
        let (seen, sent) = (heads.withLock { $0 }, bodies.withLock { $0 })
        #expect(seen.count == 1)
        #expect(seen[0].contains("x-amz-trailer: x-amz-checksum-crc32"))
        #expect(seen[0].contains("x-amz-decoded-content-length: 5"))
        #expect(String(decoding: sent[0], as: UTF8.self) == "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n")
    }

    @Test func checksumsCanBeLeftOut() async throws {
        let server = try ScriptedServer { connection in
            guard let head = connection.readHead(), !head.contains("aws-chunked") else { return }
            guard connection.read(5) == Data("hello".utf8) else { return }
            connection.write(Self.answer("200 OK", "", "ETag: \"x\"\r\n"))
        }
        var configuration = try S3Configuration(endpoint: server.url, accessKey: "a", secretKey: "s")
        configuration.sendsChecksums = false
        let client = S3Client(configuration, transport: CurlTransport())
        #expect(
            try await client.put("b", "k", body: .stream(ByteStream(Data("hello".utf8)), length: 5)).eTag == "x")
    }

    /// The second part fails for good: the upload is aborted.
    @Test func abortsAFailedUpload() async throws {
        let lines = Mutex<[String]>([])
        let server = try ScriptedServer { connection in
            while let head = connection.readHead() {
                let line = String(head.prefix { !$0.isNewline })
                lines.withLock { $0.append(line) }
                let length = head.firstMatch(of: /Content-Length: (\d+)/).flatMap { Int($0.1) } ?? 0
                _ = connection.read(length)
                if line.contains("?uploads=") {
                    let result =
                        "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
                    connection.write(Self.answer("200 OK", result))
                } else if line.contains("partNumber=2") {
                    connection.write(Self.answer("503 Slow Down", Self.slowDown))
                } else {
                    connection.write(Self.answer("200 OK", "", "ETag: \"x\"\r\n"))
                }
            }
        }
        var client = try client(server)
        client.limits.part = 1000
        let stream = ByteStream(Data(repeating: 1, count: 2500))
        let uploader = client
        let error = await #expect(throws: S3Error.self) {
            try await uploader.put("b", "k", body: .stream(stream, length: nil))
        }
        #expect(error?.code == "SlowDown")
        #expect(lines.withLock { $0.last } == "DELETE /b/k?uploadId=u1 HTTP/1.1")
        #expect(lines.withLock { $0.filter { $0.contains("partNumber=2") }.count } == 5)
    }

    /// A storage may report a failure in the document of a 200.
    @Test func failureInsideASuccess() async throws {
        let server = try ScriptedServer { connection in
            while connection.readHead() != nil { connection.write(Self.answer("200 OK", Self.slowDown)) }
        }
        let error = await #expect(throws: S3Error.self) { try await client(server).list("b") }
        #expect(error?.code == "SlowDown")
    }

    @Test func errorsAreSentences() {
        #expect(
            S3Error(status: 404, code: "NoSuchKey", bucket: "b", key: "a/k").description
                == "There is no object “b/a/k”.")
        #expect(S3Error(status: 403, code: "SignatureDoesNotMatch").description.contains("S3_SECRET_KEY"))
        #expect(S3Error(status: 403, code: "InvalidAccessKeyId").description.contains("S3_ACCESS_KEY"))
    }

    @Test func configuration() throws {
        let complete = [
            "S3_ENDPOINT": "http://127.0.0.1:9000/", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "s", "S3_REGION": "eu",
        ]
        let configuration = try S3Configuration(environment: complete)
        #expect(configuration.endpoint == "http://127.0.0.1:9000")
        #expect(configuration.region == "eu")
        #expect(!"\(configuration)".contains("secretKey: \"s\""))
        for name in ["S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"] {
            var incomplete = complete
            incomplete[name] = nil
            let error = #expect(throws: S3ConfigurationError.self) { try S3Configuration(environment: incomplete) }
            #expect(error?.description.contains(name) == true)
        }
        for endpoint in ["127.0.0.1:9000", "ftp://x", "http://", "http://a/b", "http://u@h"] {
            #expect(throws: S3ConfigurationError.self) {
                try S3Configuration(endpoint: endpoint, accessKey: "a", secretKey: "s")
            }
        }
    }
}
