import Digests
import Encodings
import Foundation
import HTTPTransport
import ObjectStorage
import StorageServer
import Testing

/// Bodies in `aws-chunked` encoding: chunk signatures, trailing checksums, and what is wrong with them.
@Suite struct StreamingBodyTests {
    private let body = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 2) })

    /// One upload, as an SDK would make it, with a way to spoil it.
    private struct Upload {
        var kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        var chunk = 65536
        var trailer: (name: String, value: String)?
        var announcedLength: Int?
        var spoil: (String) -> String = { $0 }
        var spoilTrailerSignature = false
        var secretOfChunks: String?

        var isSigned: Bool { kind.hasPrefix("STREAMING-AWS4") }

        func send(_ body: Data, to storage: RunningStorage) async throws -> (Int, String) {
            let now = Date()
            let time = Timestamp.basic(now)
            let scope = SignatureV4.Scope(day: String(time.prefix(8)), region: "us-east-1")
            var headers: HTTPHeaders = [
                "content-encoding": "aws-chunked",
                "x-amz-decoded-content-length": String(announcedLength ?? body.count),
            ]
            if let trailer { headers["x-amz-trailer"] = trailer.name }
            SignatureV4.sign(
                &headers, method: "PUT", host: "127.0.0.1:\(storage.port)", path: "/bucket/key", query: [],
                payloadHash: kind,
                credentials: S3Credentials(
                    accessKey: RunningStorage.accessKey, secretKey: RunningStorage.secretKey),
                region: "us-east-1", date: now)
            let seed = headers["Authorization"]?.components(separatedBy: "Signature=").last ?? ""
            let key = SignatureV4.signingKey(secret: secretOfChunks ?? RunningStorage.secretKey, scope: scope)
            let encoded = encode(body, seed, time, scope, key)
            let request = HTTPRequest(
                method: "PUT", url: storage.endpoint + "/bucket/key", headers: headers,
                body: .bytes(encoded))
            let answer = try await CurlTransport().send(request)
            let text = String(decoding: try await answer.body.collect(limit: 100_000), as: UTF8.self)
            return (answer.status, text)
        }

        private func encode(
            _ body: Data, _ seed: String, _ time: String, _ scope: SignatureV4.Scope, _ key: [UInt8]
        ) -> Data {
            var encoded = Data()
            var previous = seed
            var starts = Array(stride(from: 0, to: body.count, by: chunk))
            starts.append(body.count)
            for start in starts {
                let part = body[start..<min(start + chunk, body.count)]
                var line = String(part.count, radix: 16)
                if isSigned {
                    let hash = Hash.digest(.sha256, part).hex
                    previous = SignatureV4.signature(
                        of: SignatureV4.stringToSign(chunkHash: hash, previous: previous, time: time, scope: scope),
                        key: key)
                    line += ";chunk-signature=\(previous)"
                }
                encoded += Data(spoil(line + "\r\n").utf8) + part
                if !part.isEmpty { encoded += Data("\r\n".utf8) }
            }
            if let trailer {
                encoded += Data("\(trailer.name):\(trailer.value)\r\n".utf8)
                if isSigned {
                    let hash = "\(trailer.name):\(trailer.value)\n".sha256
                    var signature = SignatureV4.signature(
                        of: SignatureV4.stringToSign(trailerHash: hash, previous: previous, time: time, scope: scope),
                        key: key)
                    if spoilTrailerSignature { signature = String(signature.reversed()) }
                    encoded += Data("x-amz-trailer-signature:\(signature)\r\n".utf8)
                }
            }
            return encoded + Data("\r\n".utf8)
        }
    }

    private func storage() async throws -> RunningStorage {
        let storage = try await RunningStorage()
        try await storage.client().createBucket("bucket")
        return storage
    }

    @Test(arguments: [65536, 8192, 100_000, 1])
    func signedChunks(size: Int) async throws {
        let storage = try await storage()
        let body = size == 1 ? body.prefix(1000) : body
        let answer = try await Upload(chunk: size).send(Data(body), to: storage)
        #expect(answer.0 == 200, "\(answer.1)")
        let object = try await storage.client().get("bucket", "key")
        #expect(try await object.body.collect(limit: body.count) == body)
        #expect(object.head.eTag == Hash.digest(.md5, Data(body)).hex)
    }

    @Test func trailers() async throws {
        let storage = try await storage()
        let digits = Data("123456789".utf8)
        for (name, value) in [
            ("x-amz-checksum-crc32", "y/Q5Jg=="), ("x-amz-checksum-crc32c", "4waSgw=="),
            ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="), ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
        ] {
            for kind in ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"] {
                let right = try await Upload(kind: kind, chunk: 4, trailer: (name, value)).send(digits, to: storage)
                #expect(right.0 == 200, "\(right.1)")
                let wrong = try await Upload(kind: kind, trailer: (name, value)).send(Data("x".utf8), to: storage)
                #expect(wrong.0 == 400)
                #expect(wrong.1.contains("<Code>BadDigest</Code>"))
            }
        }
        #expect(try await storage.client().get("bucket", "key").body.collect(limit: 10) == digits)
    }

    @Test func spoiled() async throws {
        let storage = try await storage()
        let client = try storage.client()
        try await client.put("bucket", "key", body: .bytes(Data("before".utf8)))
        let unsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        let signed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
        let sum = ("x-amz-checksum-crc32", "AAAAAA==")
        let cases: [(Upload, Int, String)] = [
            (Upload(secretOfChunks: "wrong"), 403, "SignatureDoesNotMatch"),
            (Upload(spoil: { $0.replacing("=", with: "=0") }), 403, "SignatureDoesNotMatch"),
            (Upload(spoil: { $0.replacing(/;.*\r\n/, with: "\r\n") }), 403, "SignatureDoesNotMatch"),
            (Upload(spoil: { "zz" + $0 }), 400, "InvalidRequest"),
            (Upload(spoil: { "-" + $0 }), 400, "InvalidRequest"),
            (Upload(spoil: { "fffffffff" + $0 }), 400, "InvalidRequest"),
            (Upload(announcedLength: 99_999), 400, "IncompleteBody"),
            (Upload(announcedLength: 100_001), 400, "IncompleteBody"),
            (Upload(kind: signed, trailer: sum, spoilTrailerSignature: true), 403, "SignatureDoesNotMatch"),
            (Upload(kind: unsigned, trailer: sum), 400, "BadDigest"),
        ]
        for (upload, status, code) in cases {
            let answer = try await upload.send(body, to: storage)
            #expect(answer.0 == status)
            #expect(answer.1.contains("<Code>\(code)</Code>"), "\(answer.1)")
        }
        #expect(try await client.get("bucket", "key").body.collect(limit: 100) == Data("before".utf8))
    }

    /// The decoder sees the same, however the network cuts the bytes; and no bytes make it fail otherwise than by its error.
    @Test func decoderDoesNotDependOnCuts() throws {
        let text = "3;chunk-signature=ab\r\nabc\r\n2\r\nde\r\n0;chunk-signature=cd\r\nx-amz-a: b \r\nc:d\r\n\r\n"
        func decode(_ bytes: [UInt8], _ size: Int) throws -> [String] {
            var decoder = ChunkDecoder()
            var events: [String] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                try Array(bytes[start..<min(start + size, bytes.count)]).withUnsafeBytes { part in
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
            return events + [decoder.isComplete ? "complete" : "incomplete"]
        }
        let bytes = Array(text.utf8)
        let whole = try decode(bytes, bytes.count)
        #expect(
            whole == [
                "chunk ab", "97", "98", "99", "end", "chunk -", "100", "101", "end", "chunk cd", "end", "x-amz-a=b",
                "c=d", "complete",
            ])
        for size in 1..<bytes.count { #expect(try decode(bytes, size) == whole) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var spoiled = bytes
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                spoiled[Int.random(in: 0..<spoiled.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? decode(spoiled, Int.random(in: 1...spoiled.count, using: &random))
        }
    }
}
