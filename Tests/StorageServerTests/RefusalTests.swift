import Foundation
import NIOCore
import Streams
import HTTPTransport
import ObjectStorage
import StorageServer
import TestSupport
import Testing

/// Requests of strangers, and of holders of a presigned address, that must not get through, or not all of it.
@Suite struct RefusalTests {
    private func code(_ answer: HTTPResponse) async throws -> String {
        let body = try await answer.body.collect(limit: 1 << 20)
        return (try? XMLTree(parsing: body))?.text("Code") ?? ""
    }

    private func put(_ url: URL, _ headers: HTTPHeaders) async throws -> HTTPResponse {
        try await CurlTransport().send(
            HTTPRequest(method: "PUT", url: url.absoluteString, headers: headers, body: .bytes(Data("song".utf8))))
    }

    /// A presigned address signs its own fields only; those that are added are stored, too, and count.
    @Test func formsOfBrowsersAreToldWhatToDo() async throws {
        let storage = try await RunningStorage()
        let answer = try await CurlTransport().send(
            HTTPRequest(
                method: "POST", url: storage.endpoint + "/queue",
                headers: ["Content-Type": "multipart/form-data; boundary=x"], body: .bytes(Data("--x--".utf8))))
        #expect(answer.status == 501)
        let text = String(decoding: try await answer.body.collect(limit: 1 << 16), as: UTF8.self)
        #expect(text.contains("<Code>NotImplemented</Code>") && text.contains("presigned PUT"))
    }

    @Test func unsignedHeadersAreCapped() async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("queue")
        let url = try client.presign("PUT", "queue", "k", expires: .seconds(60))
        let names = ["Cache-Control", "Content-Disposition", "Content-Language", "Expires"]
        for size in [18 << 10, 3 << 10] {
            let answer = try await put(url, HTTPHeaders(names.map { ($0, String(repeating: "x", count: size)) }))
            #expect(answer.status == 400)
            let code = try await code(answer)
            #expect(code == "RequestHeaderSectionTooLarge")
        }
        #expect(try await client.head("queue", "k") == nil)
        // What fits is stored, and our own client reads it.
        let answer = try await put(url, HTTPHeaders(names.map { ($0, String(repeating: "x", count: 1900)) }))
        #expect(answer.status == 200)
        #expect(try await client.head("queue", "k")?.size == 4)
    }

    @Test func metadataIsCapped() async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("queue")
        try await client.put("queue", "k", body: .empty, metadata: ["a": String(repeating: "x", count: 2047)])
        let error = await #expect(throws: S3Error.self) {
            try await client.put("queue", "k", body: .empty, metadata: ["a": String(repeating: "x", count: 2048)])
        }
        #expect(error?.code == "MetadataTooLarge")
    }

    @Test(arguments: [
        ("GET /queue HTTP/1.1\r\n\r\n", "InvalidRequest"),
        ("GET /queue HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "InvalidRequest"),
        ("GET /queue HTTP/1.1\r\nHost: a/b\r\n\r\n", "InvalidRequest"),
        ("PUT /queue/k HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n", "EntityTooLarge"),
        ("PUT /queue/k HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", "AccessDenied"),
        ("PUT /queue/k HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n", "EntityTooLarge"),
        ("GET /\(String(repeating: "a", count: 20_000)) HTTP/1.1\r\nHost: a\r\n\r\n", "RequestHeaderSectionTooLarge"),
        (
            "GET /queue HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 9_000))\r\n\r\n",
            "RequestHeaderSectionTooLarge"
        ),
        (
            "GET /queue HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 90_000))\r\n\r\n",
            "RequestHeaderSectionTooLarge"
        ),
        (
            // More than is read before it is refused: who still sends must get the answer all the same.
            "GET /queue HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 900_000))\r\n\r\n",
            "RequestHeaderSectionTooLarge"
        ),
        ("nonsense\r\n\r\n", "BadRequest"),
    ])
    func framing(request: String, code: String) async throws {
        let storage = try await RunningStorage()
        let connection = try RawConnection(port: storage.port)
        try await connection.send(request)
        let answer = try await connection.receive(until: "</Error>")
        #expect(answer.contains("<Code>\(code)</Code>"), "\(answer)")
        #expect(answer.hasPrefix("HTTP/1.1 40"))
    }

    /// A refusal is the only answer, whatever still comes of the request's body.
    @Test func aRefusedBodyHasOneAnswer() async throws {
        let storage = try await RunningStorage()
        for rest in ["zz\r\nrubbish", "4\r\nabcdXX\r\n0\r\n\r\n"] {
            let connection = try RawConnection(port: storage.port)
            try await connection.send("PUT /queue/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            let refusal = try await connection.receive(until: "</Error>")
            #expect(refusal.hasPrefix("HTTP/1.1 403"))
            try? await connection.send(rest)
            #expect(try await connection.receive() == "")
        }
    }

    /// Nobody is asked for a body that is refused.
    @Test func aRefusedBodyIsNotAskedFor() async throws {
        let storage = try await RunningStorage()
        let connection = try RawConnection(port: storage.port)
        try await connection.send(
            "PUT /queue/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n")
        let answer = try await connection.receive()
        #expect(answer.hasPrefix("HTTP/1.1 403"))
        #expect(answer.contains("Connection: close"))
    }

    @Test func aSlowBodyIsCutOff() async throws {
        let storage = try await RunningStorage(configure: {
            $0.connections.leastBodyRate = 1 << 20
            $0.connections.rateWindow = .milliseconds(200)
        })
        let client = try storage.client()
        try await client.createBucket("queue")
        let url = try client.presign("PUT", "queue", "k", expires: .seconds(60))
        let target = "\(url.path(percentEncoded: true))?\(url.query(percentEncoded: true) ?? "")"
        let connection = try RawConnection(port: storage.port)
        try await connection.send(
            "PUT \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(storage.port)\r\nContent-Length: 1000000\r\n\r\n")
        let trickle = Task {
            while !Task.isCancelled {
                try await connection.send("x")
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        let answer = try await connection.receive()
        trickle.cancel()
        #expect(answer.hasPrefix("HTTP/1.1 400"))
        #expect(answer.contains("<Code>RequestTimeout</Code>"))
        #expect(try await client.head("queue", "k") == nil)
        try await eventually("nothing is left of it") {
            try FileManager.default.contentsOfDirectory(atPath: storage.directory.path + "/incoming").isEmpty
        }
    }

    /// Row 32: whoever uses a presigned address wrongly is told how.
    @Test func aWrongSignatureSaysWhatItCovers() async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("queue")
        func message(_ url: String, _ headers: HTTPHeaders) async throws -> String {
            let answer = try await CurlTransport().send(
                HTTPRequest(method: "PUT", url: url, headers: headers, body: .bytes(Data("x".utf8))))
            let document = try XMLTree(parsing: await answer.body.collect(limit: 1 << 20))
            #expect(document.text("Code") == "SignatureDoesNotMatch")
            return document.text("Message") ?? ""
        }
        let url = try client.presign(
            "PUT", "queue", "k", expires: .seconds(60),
            headers: [("Content-Type", "audio/mpeg"), ("x-amz-meta-a", "1")]
        ).absoluteString
        let missing = try await message(url, ["Content-Type": "audio/mpeg"])
        #expect(missing.contains("content-type;host;x-amz-meta-a"))
        #expect(missing.contains("has no x-amz-meta-a"))
        let wrong = try await message(url, ["Content-Type": "text/plain", "x-amz-meta-a": "1"])
        #expect(wrong.contains("content-type;host;x-amz-meta-a"))
        #expect(wrong.contains("Host: 127.0.0.1:\(storage.port)"))
    }

    /// As S3 has it: an empty list of tags matches nothing; HEAD takes a range and says how long it is.
    @Test func conditionsAndRangesOfHeads() async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("queue")
        try await client.put("queue", "k", body: .bytes(Data("0123456789".utf8)))
        let transport = CurlTransport()
        for (method, headers, status, length) in [
            ("GET", ["If-None-Match": ""], 200, "10"), ("HEAD", ["If-None-Match": ""], 200, "10"),
            ("GET", ["If-None-Match": ","], 200, "10"), ("HEAD", ["Range": "bytes=2-4"], 206, "3"),
            ("HEAD", ["Range": "bytes=10-"], 416, nil), ("GET", ["Range": "bytes=0-9223372036854775807"], 206, "10"),
            ("GET", ["Range": "bytes=-9223372036854775807"], 206, "10"),
            ("GET", ["Range": "bytes=0-9223372036854775808"], 200, "10"),
        ] as [(String, HTTPHeaders, Int, String?)] {
            let url = try client.presign(method, "queue", "k", expires: .seconds(60)).absoluteString
            let answer = try await transport.send(HTTPRequest(method: method, url: url, headers: headers))
            #expect(answer.status == status, "\(method) \(headers)")
            if let length { #expect(answer.headers["Content-Length"] == length, "\(method) \(headers)") }
        }
    }
}

/// Numbers that nobody can reckon with, in requests and in files of an earlier server.
@Suite struct DamagedRecordTests {
    @Test func endlessDaysAreRefusedAndSurvived() async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("queue")
        for days in [Int.max, 1 << 31] {
            let error = await #expect(throws: S3Error.self) {
                try await client.setExpiry("queue", [ExpiryRule(id: "a", days: days)])
            }
            #expect(error?.code == "InvalidArgument")
        }
        try await client.setExpiry("queue", [ExpiryRule(id: "a", days: Int(Int32.max))])
        try await client.put("queue", "k", body: .empty)
        try await storage.stop()

        // An earlier server stored what is refused now.
        let record = storage.directory.url.appending(path: "buckets/queue/bucket.json")
        let text = try String(contentsOf: record, encoding: .utf8)
        try text.replacing("2147483647", with: "9223372036854775807").write(
            to: record, atomically: true, encoding: .utf8)
        let again = try await RunningStorage(directory: storage.directory, now: { Date() })
        #expect(try await again.client().head("queue", "k") != nil)
        #expect(try await again.client().expiry(of: "queue").first?.days == Int.max)
    }

    @Test(arguments: [
        "\"segments\":[-1]", "\"segments\":[9223372036854775807,1]", "\"segments\":[]", "\"lastModified\":1e300",
    ])
    func aDamagedObjectIsLeftOut(member: String) async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("queue")
        try await client.put("queue", "good", body: .bytes(Data("x".utf8)))
        try await client.put("queue", "bad", body: .bytes(Data("x".utf8)))
        try await storage.stop()
        let name = member.prefix { $0 != ":" }
        let folder = storage.directory.url.appending(path: "buckets/queue/objects")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "json" {
            var text = try String(contentsOf: file, encoding: .utf8)
            guard text.contains("\"bad\"") else { continue }
            let start = try #require(text.range(of: name + ":"))
            let value = text[start.upperBound...].prefix { $0 != "," && $0 != "}" }
            text.replaceSubrange(start.lowerBound..<value.endIndex, with: member)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        let again = try await RunningStorage(directory: storage.directory)
        let page = try await again.client().list("queue")
        #expect(page.objects.map(\.key) == ["good"])
    }
}

/// A disk without room.
@Suite struct FullDiskTests {
    @Test func aFullStorageSaysSoAndLetsThingsBeRemoved() async throws {
        let first = try await RunningStorage()
        try await first.client().createBucket("queue")
        try await first.client().put("queue", "k", body: .bytes(Data("x".utf8)))
        try await first.stop()
        let storage = try await RunningStorage(directory: first.directory, configure: { $0.keptFree = .max })
        var client = try storage.client()
        client.retry.attempts = 1
        let whole = await #expect(throws: S3Error.self) {
            try await client.put("queue", "n", body: .bytes(Data("x".utf8)))
        }
        #expect(whole?.status == 507)
        #expect(whole?.code == "XMinioStorageFull")
        client.limits.part = 5 << 20
        let parts = await #expect(throws: S3Error.self) {
            let stream = ByteStream(Data(repeating: 1, count: 6 << 20))
            try await client.put("queue", "n", body: .stream(stream, length: nil))
        }
        #expect(parts?.code == "XMinioStorageFull")
        let ready = try await CurlTransport().send(HTTPRequest(url: storage.endpoint + "/minio/health/ready"))
        #expect(ready.status == 503)
        let text = String(decoding: try await ready.body.collect(limit: 1 << 16), as: UTF8.self)
        #expect(text.contains("The storage is full"))
        let live = try await CurlTransport().send(HTTPRequest(url: storage.endpoint + "/minio/health/live"))
        #expect(live.status == 200)
        #expect(try await client.head("queue", "k") != nil)
        try await client.delete("queue", "k")
        #expect(try await client.head("queue", "k") == nil)
    }

    /// Uploads under way have their room: two that fit one by one do not get more than there is together.
    @Test func roomIsPromisedOnce() throws {
        let directory = try TemporaryDirectory()
        let free = try Space(directory: directory.path, kept: 0).measure().free
        // What others do on this disk meanwhile is far less than half of what is left here.
        let space = Space(directory: directory.path, kept: free / 2)
        let half = free / 3
        do {
            let first = try space.reserve(half)
            #expect(throws: (any Error).self) { try space.reserve(half) }
            withExtendedLifetime(first) {}
        }
        #expect(throws: Never.self) { try space.reserve(half) }
    }
}
