import Digests
import Encodings
import Foundation
import HTTPTransport
import ObjectStorage
import StorageServer
import Testing

/// What a real MinIO server answered, and what ours answers to the same requests: status, the header fields that clients
/// read, and documents element by element.
@Suite struct FixtureTests {
    /// A recorded exchange.
    struct Recording {
        var status: Int
        var headers: HTTPHeaders
        var body: String

        init(_ name: String) throws {
            let text = try String(contentsOf: Tool.resource("Fixtures/\(name).http"), encoding: .utf8)
                .replacing("\r\n", with: "\n")
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let start = lines.firstIndex { $0.hasPrefix("HTTP/1.1 ") } ?? 0
            let end = lines[start...].firstIndex { $0.isEmpty } ?? lines.endIndex
            status = Int(lines[start].split(separator: " ")[1]) ?? 0
            headers = HTTPHeaders(
                lines[(start + 1)..<end].map { line in
                    let words = line.split(separator: ":", maxSplits: 1)
                    return (String(words[0]), words[1].trimmingCharacters(in: .whitespaces))
                })
            body = lines[end...].joined(separator: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    private struct Exchange {
        let storage: RunningStorage
        let transport = CurlTransport()

        func send(
            _ method: String, _ path: String, query: String = "", headers: HTTPHeaders = [:], body: Data = Data(),
            accessKey: String = RunningStorage.accessKey, secretKey: String = RunningStorage.secretKey
        ) async throws -> Recording {
            var fields = headers
            let pairs = query.split(separator: "&").map { pair -> (name: String, value: String) in
                let words = pair.split(separator: "=", maxSplits: 1)
                let value = words.count > 1 ? String(words[1]).percentDecoded() ?? "" : ""
                return (String(words[0]), value)
            }
            SignatureV4.sign(
                &fields, method: method, host: "127.0.0.1:\(storage.port)", path: path, query: pairs,
                payloadHash: Hash.digest(.sha256, body).hex,
                credentials: S3Credentials(accessKey: accessKey, secretKey: secretKey), region: "us-east-1",
                date: Date())
            return try await sendRaw(method, path + (query.isEmpty ? "" : "?\(query)"), headers: fields, body: body)
        }

        func sendRaw(_ method: String, _ target: String, headers: HTTPHeaders = [:], body: Data = Data()) async throws
            -> Recording
        {
            let answer = try await transport.send(
                HTTPRequest(
                    method: method, url: storage.endpoint + target, headers: headers,
                    body: body.isEmpty ? .empty : .bytes(body)))
            var recording = try Recording("put-object")
            recording.status = answer.status
            recording.headers = answer.headers
            recording.body = String(decoding: try await answer.body.collect(limit: 1 << 20), as: UTF8.self)
            return recording
        }
    }

    /// Compares an answer with a recording; `ignoring` names elements whose values differ by nature.
    private func compare(
        _ answer: Recording, _ name: String, ignoring: Set<String> = [], location: SourceLocation = #_sourceLocation
    ) throws {
        let recorded = try Recording(name)
        #expect(answer.status == recorded.status, "\(name)", sourceLocation: location)
        for field in ["Content-Type", "ETag", "Content-Range", "X-Amz-Meta-Model", "Accept-Ranges"] {
            #expect(answer.headers[field] == recorded.headers[field], "\(name): \(field)", sourceLocation: location)
        }
        for field in ["Last-Modified", "X-Amz-Request-Id", "X-Minio-Deployment-Id", "Date"] {
            let isThere = (answer.headers[field] != nil, recorded.headers[field] != nil)
            #expect(isThere.0 == isThere.1, "\(name): \(field)", sourceLocation: location)
        }
        if let length = recorded.headers["Content-Length"], length != "0" {
            #expect(answer.headers["Content-Length"] == length, "\(name)", sourceLocation: location)
        }
        guard recorded.body.hasPrefix("<") else {
            #expect(answer.body == recorded.body, "\(name)", sourceLocation: location)
            return
        }
        let changing = ignoring.union(["RequestId", "HostId", "LastModified", "CreationDate"])
        let ours = try lines(XMLTree(parsing: Data(answer.body.utf8)), changing)
        let theirs = try lines(XMLTree(parsing: Data(recorded.body.utf8)), changing)
        #expect(ours == theirs, "\(name)", sourceLocation: location)
    }

    /// Every element with its path and text, decoded where MinIO and we encode differently.
    private func lines(_ tree: XMLTree, _ changing: Set<String>, _ path: String = "") -> [String] {
        let path = "\(path)/\(tree.name)"
        let text = changing.contains(tree.name) ? "…" : tree.text.percentDecoded(plusIsSpace: true) ?? tree.text
        return ["\(path) \(text.trimmingCharacters(in: .whitespacesAndNewlines))"]
            + tree.children.flatMap { lines($0, changing, path) }
    }

    private let song = Data("ID3".utf8) + Data(repeating: UInt8(ascii: "x"), count: 500)
    private let path = "/queue/j1/song%20one.mp3"

    private func prepared() async throws -> Exchange {
        let storage = try await RunningStorage(webhooks: [.init(id: "separate", endpoint: "http://127.0.0.1:1/")])
        let exchange = Exchange(storage: storage)
        for bucket in ["output", "queue"] { #expect(try await exchange.send("PUT", "/\(bucket)").status == 200) }
        let put = try await exchange.send(
            "PUT", path, headers: ["Content-Type": "audio/mpeg", "x-amz-meta-model": "htdemucs"], body: song)
        try compare(put, "put-object")
        return exchange
    }

    @Test func objects() async throws {
        let exchange = try await prepared()
        try compare(try await exchange.send("HEAD", path), "head-object")
        try compare(try await exchange.send("GET", path, headers: ["Range": "bytes=100-199"]), "get-range")
        try compare(try await exchange.send("GET", path, headers: ["Range": "bytes=9999-"]), "get-range-bad")
        let tag = "\"ec033cc017d8e311c1de90799336331c\""
        let unchanged = try await exchange.send("GET", path, headers: ["If-None-Match": tag])
        #expect(unchanged.status == 304)
        #expect(unchanged.headers["ETag"] == tag)
        #expect(unchanged.body.isEmpty)
        try compare(try await exchange.send("GET", "/queue/nope.mp3"), "get-missing")
        try compare(try await exchange.send("HEAD", "/queue/nope.mp3"), "head-missing")
        try compare(try await exchange.send("GET", "/nobucket/x"), "bucket-missing")
        try compare(try await exchange.send("DELETE", path), "delete-object")
        try compare(try await exchange.send("DELETE", "/queue/never.mp3"), "delete-missing")
    }

    @Test func buckets() async throws {
        let exchange = try await prepared()
        try compare(try await exchange.send("PUT", "/queue"), "bucket-exists")
        try compare(try await exchange.send("GET", "/"), "list-buckets")
        try compare(try await exchange.send("GET", "/queue", query: "location="), "location")
    }

    @Test func listings() async throws {
        let exchange = try await prepared()
        _ = try await exchange.send("PUT", "/queue/dir%20one/x", body: Data("x".utf8))
        for (number, size) in [3, 1003, 2003].enumerated() {
            let body = Data(repeating: UInt8(ascii: "x"), count: size)
            let key = "/queue/" + "list/ä \(number)+x.mp3".percentEncoded(keepingSlash: true)
            #expect(try await exchange.send("PUT", key, body: body).status == 200)
        }
        let page = "list-type=2&prefix=list%2F&max-keys=2&encoding-type=url"
        try compare(
            try await exchange.send("GET", "/queue", query: page), "list-v2",
            ignoring: ["NextContinuationToken", "ETag"])
        try compare(try await exchange.send("GET", "/queue", query: "list-type=2&delimiter=%2F"), "list-v2-delimiter")
    }

    @Test func signatures() async throws {
        let exchange = try await prepared()
        try compare(try await exchange.sendRaw("GET", path), "anonymous")
        try compare(try await exchange.send("GET", path, accessKey: "nobody"), "unknown-key")
        try compare(try await exchange.send("GET", path, secretKey: "wrong"), "wrong-secret", ignoring: ["Message"])
        let client = try exchange.storage.client()
        func target(_ client: S3Client, seconds: Int = 60) throws -> String {
            let url = try client.presign("GET", "queue", "j1/song one.mp3", expires: .seconds(seconds))
            return String(url.absoluteString.dropFirst(exchange.storage.endpoint.count))
        }
        try compare(try await exchange.sendRaw("GET", target(client)), "presigned-get")
        let tampered = try target(client).replacing("song%20one", with: "song%20two")
        try compare(try await exchange.sendRaw("GET", tampered), "presigned-tampered", ignoring: ["Message"])
        let past = try exchange.storage.client(now: { Date() - 61 })
        try compare(try await exchange.sendRaw("GET", target(past)), "presigned-expired")
        let skewed = try exchange.storage.client(now: { Date() - 16 * 60 })
        let error = await #expect(throws: S3Error.self) { try await skewed.get("queue", "j1/song one.mp3") }
        #expect(error?.code == "RequestTimeTooSkewed")
    }

    @Test func multipart() async throws {
        let exchange = try await prepared()
        let path = "/queue/j2/big.mp3"
        let created = try await exchange.send("POST", path, query: "uploads=")
        try compare(created, "multipart-create", ignoring: ["UploadId"])
        let id = try #require(try XMLTree(parsing: Data(created.body.utf8)).text("UploadId"))
        var tags: [String] = []
        for (number, body) in [Data(repeating: 1, count: 5 << 20), Data("0123456789".utf8)].enumerated() {
            let part = try await exchange.send(
                "PUT", path, query: "partNumber=\(number + 1)&uploadId=\(id)", body: body)
            #expect(part.status == 200)
            tags.append(try #require(part.headers["ETag"]))
        }
        func complete(_ tags: [String]) async throws -> Recording {
            var xml = XMLWriter()
            xml.element("CompleteMultipartUpload") { xml in
                for (index, tag) in tags.enumerated() {
                    xml.element("Part") { xml in
                        xml.element("PartNumber", String(index + 1))
                        xml.element("ETag", tag)
                    }
                }
            }
            return try await exchange.send("POST", path, query: "uploadId=\(id)", body: Data(xml.text.utf8))
        }
        try compare(try await complete([tags[0], "\"wrong\""]), "multipart-complete-bad")
        let completed = try await complete(tags)
        var recorded = try Recording("multipart-complete")
        recorded.headers["ETag"] = completed.headers["ETag"]
        #expect(completed.status == recorded.status)
        let changing: Set = ["Location", "ETag"]
        #expect(
            try lines(XMLTree(parsing: Data(completed.body.utf8)), changing)
                == lines(XMLTree(parsing: Data(recorded.body.utf8)), changing))
        #expect(completed.headers["ETag"]?.hasSuffix("-2\"") == true)
    }

    @Test func notifications() async throws {
        let exchange = try await prepared()
        func body(_ arn: String) -> Data {
            let entry = QueueConfiguration(id: "separate", arn: arn, events: ["s3:ObjectCreated:*"])
            return Data(QueueConfiguration.document([entry], isRequest: true).utf8)
        }
        try compare(
            try await exchange.send(
                "PUT", "/queue", query: "notification=", body: body("arn:minio:sqs::separate:webhook")),
            "notification-put")
        let got = try await exchange.send("GET", "/queue", query: "notification=")
        try compare(got, "notification-get")
        #expect(got.body == (try Recording("notification-get").body))
        try compare(
            try await exchange.send("PUT", "/queue", query: "notification=", body: body("arn:minio:sqs::no:webhook")),
            "notification-bad-arn")
    }

    @Test func health() async throws {
        let exchange = try await prepared()
        try compare(try await exchange.sendRaw("GET", "/minio/health/live"), "health-live")
        try compare(try await exchange.sendRaw("GET", "/minio/health/ready"), "health-ready")
        #expect(try await exchange.sendRaw("GET", "/minio/health/other").status == 404)
    }
}
