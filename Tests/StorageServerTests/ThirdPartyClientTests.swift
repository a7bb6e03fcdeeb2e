import Foundation
import HTTPTransport
import ObjectStorage
import TestSupport
import Testing

/// The server as clients see it that somebody else wrote.
@Suite struct ThirdPartyClientTests {
    @Test func boto3() async throws {
        let storage = try await RunningStorage()
        let script = Tool.resource("Clients/boto3_client.py").path
        let arguments = ["python3", script, storage.endpoint, RunningStorage.accessKey, RunningStorage.secretKey]
        let output = try await Program.run(arguments, environment: Tool.credentials(storage))
        #expect(output.hasSuffix("ok\n"))
    }

    @Test func boto3OverTLS() async throws {
        let storage = try await RunningStorage()
        let directory = try TemporaryDirectory()
        let script = Tool.resource("Clients/boto3_over_tls.py").path
        let output = try await Program.run(
            [
                "python3", script, String(storage.port), RunningStorage.accessKey, RunningStorage.secretKey,
                directory.path,
            ], environment: ["PYTHONDONTWRITEBYTECODE": "1"])
        #expect(output.hasSuffix("ok\n"))
    }

    @Test func awsCommandLine() async throws {
        let storage = try await RunningStorage()
        let environment = Tool.credentials(storage)
        let directory = try TemporaryDirectory()
        func aws(_ arguments: String...) async throws -> String {
            try await Program.run(["aws", "s3"] + arguments, environment: environment)
        }
        let song = directory.url.appending(path: "my song+é.mp3")
        try Data("song".utf8).write(to: song)
        let big = directory.url.appending(path: "big.wav")
        let body = Data((0..<(20 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 13 >> 4) })
        try body.write(to: big)

        _ = try await aws("mb", "s3://queue")
        _ = try await aws("cp", song.path, "s3://queue/dir one/", "--metadata", "model=starter")
        _ = try await aws("cp", big.path, "s3://queue/big.wav")
        let listing = try await aws("ls", "--recursive", "s3://queue")
        #expect(listing.contains("dir one/my song+é.mp3"))
        #expect(listing.contains("20971520 big.wav"))
        let client = try storage.client()
        #expect(try await client.head("queue", "dir one/my song+é.mp3")?.metadata == ["model": "starter"])
        #expect(try await client.head("queue", "dir one/my song+é.mp3")?.contentType == "audio/mpeg")

        let back = directory.url.appending(path: "back.wav")
        _ = try await aws("cp", "s3://queue/big.wav", back.path)
        #expect(try Data(contentsOf: back) == body)
        _ = try await aws("mv", "s3://queue/big.wav", "s3://queue/moved/big.wav")
        #expect(try await client.head("queue", "big.wav") == nil)
        #expect(try await client.get("queue", "moved/big.wav").body.collect(limit: body.count) == body)
        _ = try await aws("sync", directory.path, "s3://queue/sync/")
        #expect(try await client.list("queue", prefix: "sync/").objects.count == 3)
        try await checkPresigned(storage, "s3://queue/dir one/my song+é.mp3", environment)
        _ = try await aws("rm", "--recursive", "s3://queue")
        _ = try await aws("rb", "s3://queue")
        #expect(try await client.buckets().isEmpty)
    }

    /// The command line's default is still the older signature, which is refused in words; the newer one is a setting away.
    private func checkPresigned(_ storage: RunningStorage, _ object: String, _ environment: [String: String])
        async throws
    {
        let transport = CurlTransport()
        let old = try await Program.run(["aws", "s3", "presign", object], environment: environment)
        let refused = try await transport.send(HTTPRequest(url: old.trimmingCharacters(in: .newlines)))
        #expect(refused.status == 400)
        let reason = String(decoding: try await refused.body.collect(limit: 10_000), as: UTF8.self)
        #expect(reason.contains("Please use AWS4-HMAC-SHA256"))

        let directory = try TemporaryDirectory()
        let settings = directory.url.appending(path: "config")
        try Data("[default]\ns3 =\n  signature_version = s3v4\n".utf8).write(to: settings)
        let newer = try await Program.run(
            ["aws", "s3", "presign", object],
            environment: environment.merging(["AWS_CONFIG_FILE": settings.path]) { $1 })
        let answer = try await transport.send(HTTPRequest(url: newer.trimmingCharacters(in: .newlines)))
        #expect(answer.status == 200)
        #expect(try await answer.body.collect(limit: 10_000) == Data("song".utf8))
    }
}
