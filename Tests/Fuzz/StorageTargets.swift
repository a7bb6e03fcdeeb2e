import Foundation
import HTTPTransport
import HTTPTypes
import ObjectStorage
import SeparateFunction
import StorageServer

/// The XML of S3 requests and answers; what was read can be written and read again.
enum XMLTarget: FuzzTarget {
    static let name = "xml"
    static var anatomy: (any Anatomy)? { XMLAnatomy() }

    static func run(_ input: Data) throws {
        let tree = try XMLTree(parsing: input)
        precondition(depth(tree) <= 32)
        var writer = XMLWriter()
        write(tree, to: &writer)
        let again = try? XMLTree(parsing: Data(writer.text.utf8))
        // Text and children may stand in any order, of which the tree keeps none; names and counts stay.
        precondition(again.map { count($0) } == count(tree))
    }

    private static func depth(_ tree: XMLTree) -> Int { 1 + (tree.children.map(depth).max() ?? 0) }

    private static func count(_ tree: XMLTree) -> Int { tree.children.reduce(1) { $0 + count($1) } }

    private static func write(_ tree: XMLTree, to writer: inout XMLWriter) {
        writer.element(tree.name) { inner in
            inner.text(tree.text)
            for child in tree.children { write(child, to: &inner) }
        }
    }
}

/// What `/separate` gets: S3 records, CloudEvents, direct orders. The first byte chooses the headers.
enum EventsTarget: FuzzTarget {
    static let name = "events"
    static var anatomy: (any Anatomy)? {
        JSONAnatomy(
            spares: [
                "Records.#0.eventName": "\"s3:ObjectCreated:Put\"", "Records.#0.s3.bucket.name": "\"queue\"",
                "Records.#0.s3.object.key": "\"a%2Fb+c.mp3\"", "Records.#0.s3.object.size": "9223372036854775807",
                "Records.#1.s3.object.key": "\"%\"", "Records.#1.s3.object.size": "1e300", "specversion": "\"1.0\"",
                "type": "\"google.cloud.storage.object.v1.finalized\"", "data": "null", "data_base64": "\"e30=\"",
                "bucket": "\"q\"",
                "key": "\"k\"", "options.shifts": "1e308", "options.model": "{}", "detail.bucket.name": "\"q\"",
                "detail.object.key": "\"\"", "detail-type": "\"Object Created\"", "Event": "\"s3:TestEvent\"",
                "data.object.key": "\"\\u0000\"", "size": "\"5.0\"",
                "Records.#0.s3.object.userMetadata.X-Amz-Meta-A": "\"b\"",
            ], lead: 1)
    }

    static func run(_ input: Data) throws {
        guard let first = input.first else { return }
        let body = Data(input.dropFirst())
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        var fields: HTTPFields = [.contentType: "application/json"]
        if first & 1 == 1 {
            for (name, value) in [
                ("ce-specversion", "1.0"), ("ce-type", "com.amazonaws.s3.objectcreated"), ("ce-source", "minio"),
                ("ce-id", "1"), ("ce-subject", "queue/song.mp3"),
            ] {
                headers.add(name, value)
                if let name = HTTPField.Name(name) { fields[name] = value }
            }
        }
        if first & 2 == 2 { headers["Content-Type"] = "application/cloudevents+json" }
        if first & 4 == 4 { headers["Content-Type"] = "application/cloudevents-batch+json" }
        fields[.contentType] = headers["Content-Type"]
        do {
            for event in try BucketEvent.decode(body: body, headers: headers) {
                precondition(event.name.hasPrefix("s3:"))
            }
        } catch {
            precondition(!error.description.isEmpty)
        }
        _ = try Order.orders(in: body, headers: fields)
    }
}

/// Bodies in `aws-chunked` encoding; what is found does not depend on how the network cuts them.
enum ChunksTarget: FuzzTarget {
    static let name = "chunks"
    static var anatomy: (any Anatomy)? { ChunksAnatomy() }

    static func run(_ input: Data) throws {
        let bytes = Array(input)
        precondition(events(bytes, at: max(1, bytes.count)) == events(bytes, at: 1))
    }

    private static func events(_ bytes: [UInt8], at size: Int) -> [String]? {
        var decoder = ChunkDecoder()
        var events: [String] = []
        do {
            for start in stride(from: 0, to: bytes.count, by: size) {
                try bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { part in
                    try decoder.decode(part) { event in
                        switch event {
                        case .chunk(let signature): events.append("chunk \(signature ?? "-")")
                        case .data(let data): events += data.map { "\($0)" }
                        case .chunkEnd: events.append("end")
                        case .trailer(let name, let value): events.append("\(name)=\(value)")
                        }
                    }
                }
            }
        } catch {
            return nil
        }
        return events + [decoder.isComplete ? "complete" : "incomplete"]
    }
}

/// Heads of S3 requests, made by a grammar whose choices the input is: what a client may send, and its near misses. The signature is
/// right for half of them, so that what lies behind it is reached, too.
enum S3HeadsTarget: FuzzTarget {
    static let name = "s3-heads"

    private static let names = [
        "x-amz-date", "x-amz-content-sha256", "x-amz-meta-a", "x-amz-meta-", "x-amz-meta-a", "x-amz-copy-source",
        "content-length", "content-md5", "content-type", "range", "if-none-match", "if-match", "expires", "host",
        "cache-control", "content-disposition", "content-encoding", "x-amz-decoded-content-length", "x-amz-trailer",
        "x-amz-checksum-crc32", "date", "expect", "authorization",
    ]
    private static let values = [
        "", "*", "\"a\"", "W/\"a\", \"b\"", "bytes=0-9223372036854775807", "bytes=-1", "9223372036854775808", "-1", "0",
        "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "20130524T000000Z", "99999999T999999Z", "Fri, 24 May 2013 00:00:00 GMT", "aws-chunked, gzip", "/b/%FF", "%00",
        "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request, SignedHeaders=host, Signature=0",
        String(repeating: "x", count: 2048), "\u{e9}\u{301}",
    ]
    private static let paths = [
        "", "queue", "a", "%2F", "%2e%2e", "..", "//", "é", "%E9", "+", "%", "k?", "minio", "events",
    ]
    private static let queries = [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Credential=a/20130524/r/s3/aws4_request",
        "X-Amz-Date=20130524T000000Z",
        "X-Amz-Expires=60", "X-Amz-Expires=99999999999999999999", "X-Amz-SignedHeaders=host", "X-Amz-Signature=0",
        "uploadId=", "partNumber=-0", "list-type=2", "prefix=%", "lifecycle", "delete", "AWSAccessKeyId=a",
    ]

    static func run(_ input: Data) throws {
        var choices = Array(input)[...]
        func next(_ count: Int) -> Int { Int(choices.popFirst() ?? 0) % count }
        let methods: [HTTPTypes.HTTPRequest.Method] = [.get, .put, .post, .delete, .head, .options]
        var target = ""
        for _ in 0...next(4) { target += "/" + paths[next(paths.count)] }
        for index in 0..<next(9) { target += (index == 0 ? "?" : "&") + queries[next(queries.count)] }
        var head = HTTPTypes.HTTPRequest(
            method: methods[next(methods.count)], scheme: "http",
            authority: ["h", "h:80", "", "a b", nil, "[::1]:9"][next(6)], path: target)
        for _ in 0..<next(12) {
            guard let name = HTTPField.Name(names[next(names.count)]) else { continue }
            head.headerFields.append(HTTPField(name: name, value: values[next(values.count)]))
        }
        if next(2) == 1 { sign(&head) }
        let request = try S3Request(head, id: "1", remoteAddress: "127.0.0.1")
        let size = head.headerFields.reduce(0) { (sum: Int, field) in sum + field.value.utf8.count }
        precondition(size <= S3Request.headerLimit)
        precondition(request.path.hasPrefix("/") && request.bucket?.isEmpty != true && request.key?.isEmpty != true)
        if let metadata = try? request.metadata() {
            let size = metadata.reduce(0) { (sum: Int, item) in sum + item.key.utf8.count + item.value.utf8.count }
            precondition(size <= 2048)
        }
        precondition(!request.storedHeaders().values.contains { $0.isEmpty })
        let authenticator = Authenticator(credentials: S3Credentials(accessKey: "a", secretKey: "s"), hosts: ["h:80"])
        do throws(S3Failure) {
            _ = try authenticator.authenticate(request, now: Date(timeIntervalSince1970: 1_369_353_600))
        } catch {
            precondition((400...501).contains(error.status) && !error.code.isEmpty && !error.message.isEmpty)
        }
    }

    /// As a client would, with the fields that the head has.
    private static func sign(_ head: inout HTTPTypes.HTTPRequest) {
        var headers: HTTPHeaders = [:]
        for field in head.headerFields where field.name.canonicalName.hasPrefix("x-amz-") {
            headers.add(field.name.canonicalName, field.value)
        }
        let target = (head.path ?? "/").split(separator: "?", maxSplits: 1)
        SignatureV4.sign(
            &headers, method: head.method.rawValue, host: head.authority ?? "", path: String(target.first ?? "/"),
            query: [],
            payloadHash: headers["x-amz-content-sha256"] ?? SignatureV4.unsignedPayload,
            credentials: S3Credentials(accessKey: "a", secretKey: "s"), region: "r",
            date: Date(timeIntervalSince1970: 1_369_353_600))
        for field in headers {
            if let name = HTTPField.Name(field.name) { head.headerFields[name] = field.value }
        }
    }
}

/// Chunked bodies made by a grammar: chunks of right and wrong sizes, signatures, ends and trailers, cut anywhere.
enum ChunkGrammarTarget: FuzzTarget {
    static let name = "chunk-grammar"

    static func run(_ input: Data) throws {
        var choices = Array(input)[...]
        func next(_ count: Int) -> Int { Int(choices.popFirst() ?? 0) % count }
        var body = Data()
        var whole = Data()
        var isSound = true
        for index in 0..<next(6) {
            let count = next(40) + 1
            let bytes = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &+ index) })
            let size = [String(count, radix: 16), "0" + String(count, radix: 16), "+1", "-0", "100000000", "zz"][
                next(8) < 6 ? 0 : next(6)]
            let signature = ["", ";chunk-signature=abc", ";x", ";chunk-signature=", "; a=b;c=d"][next(5)]
            let end = ["\r\n", "\n", "\r", ""][next(8) < 6 ? 0 : next(4)]
            isSound = isSound && Int(size, radix: 16) == count && !size.hasPrefix("+") && end == "\r\n"
            body += Data("\(size)\(signature)\r\n".utf8) + bytes + Data(end.utf8)
            whole += bytes
        }
        body += Data("0\r\n".utf8)
        for _ in 0..<next(3) {
            body += Data(
                ["x-amz-checksum-crc32:AAAAAA==\r\n", "x-amz-trailer-signature:0\r\n", "a:b\r\n"][next(3)].utf8)
        }
        body += Data("\r\n".utf8)
        var decoder = ChunkDecoder()
        var found = Data()
        var position = body.startIndex
        do {
            while position < body.endIndex {
                let end = min(body.endIndex, position + next(17) + 1)
                try Array(body[position..<end]).withUnsafeBytes { part in
                    try decoder.decode(part) { if case .data(let bytes) = $0 { found.append(contentsOf: bytes) } }
                }
                position = end
            }
        } catch {
            precondition(!isSound)
            return
        }
        if isSound { precondition(found == whole && decoder.isComplete) }
    }
}
