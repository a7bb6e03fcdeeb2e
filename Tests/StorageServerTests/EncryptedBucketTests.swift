import Foundation
import HTTPTransport
import ObjectStorage
import Streams
import Synchronization
import TestSupport
import Testing

/// A bucket that encrypts with a key of a KMS. Its entity tags are no digests of what was sent; `moto_server` encrypts in name
/// only and keeps them, so they are changed on the way, as AWS would give others.
@Suite struct EncryptedBucketTests {
    @Test func whatIsStoredIsKept() async throws {
        let server = try ServerProcess(["python3", Tool.resource("Clients/moto_server.py").path, "{port}"])
        let endpoint = "http://127.0.0.1:\(server.port)"
        let transport = ForeignTags()
        var client = S3Client(
            try S3Configuration(endpoint: endpoint, accessKey: "test", secretKey: "test"), transport: transport)
        client.limits.part = 5 << 20
        try await client.createBucket("queue")
        let rule =
            #"{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"a"}}]}"#
        try await Program.run(
            [
                "aws", "--endpoint-url", endpoint, "s3api", "put-bucket-encryption", "--bucket", "queue",
                "--server-side-encryption-configuration", rule,
            ],
            environment: [
                "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
            ])
        let (short, long) = (Data("hello".utf8), Data((0..<6_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }))
        let directory = try TemporaryDirectory()
        let file = directory.url.appending(path: "song")
        try short.write(to: file)
        let bodies: [(String, HTTPBody, Data)] = [
            ("bytes", .bytes(short), short), ("file", .file(file), short),
            ("stream", .stream(ByteStream(long), length: long.count), long),
            ("parts", .stream(ByteStream(long), length: nil), long),
        ]
        for (key, body, data) in bodies {
            transport.encryptions.withLock { $0 = [] }
            let result = try await client.put("queue", key, body: body)
            #expect(result.size == data.count)
            #expect(transport.encryptions.withLock { $0 } == ["aws:kms"], "\(key)")
            let head = try #require(try await client.head("queue", key), "\(key) was removed")
            #expect(head.size == data.count)
            #expect(try await client.get("queue", key).body.collect(limit: data.count) == data)
        }
    }

    /// Changes the entity tags of whole objects, and notes how they were encrypted.
    private final class ForeignTags: HTTPTransport {
        let encryptions = Mutex<Set<String>>([])

        func send(_ request: HTTPRequest) async throws -> HTTPResponse {
            var response = try await CurlTransport().send(request)
            if let tag = response.headers["ETag"], !request.url.contains("partNumber=") {
                response.headers["ETag"] = "\"" + String(tag.filter { $0 != "\"" }.reversed()) + "\""
            }
            if ["PUT", "POST"].contains(request.method), let kind = response.headers["x-amz-server-side-encryption"] {
                encryptions.withLock { _ = $0.insert(kind) }
            }
            return response
        }
    }
}
