import Digests
import Encodings
import Foundation
import HTTPTransport
import HTTPTypes
import ObjectStorage
import StorageServer

private let moment = Date(timeIntervalSince1970: 1_369_353_600)
private let credentials = S3Credentials(accessKey: "a", secretKey: "s")

/// Requests as lines: a letter (`h`: signed in the header, `p`: in the query, others: not), the method, the target, fields. Whatever a client
/// sends under a sound signature is let in, and nothing else is.
enum S3RequestsTarget: FuzzTarget {
    static let name = "s3-requests"
    static var anatomy: (any Anatomy)? {
        SeparatedAnatomy(
            "\n",
            spares: [
                "x-amz-meta-title: a  b\tc", "x-amz-meta-: x", "x-amz-meta-a: \u{e9}",
                "cache-control: " + String(repeating: "c", count: 900),
                "content-disposition: attachment; filename=\"x\"", "expires: -1", "content-language: de",
                "content-length: 9223372036854775808",
                "content-length: -0", "content-encoding: aws-chunked,gzip", "if-none-match: ", "if-match: W/\"a\"",
                "range: bytes=5-2",
                "x-amz-content-sha256: " + SignatureV4.emptyHash,
                "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                "x-amz-decoded-content-length: 99999999999999999999", "x-amz-trailer: x-amz-checksum-crc32",
                "x-amz-copy-source: /b/%2e%2e",
                "content-md5: 1B2M2Y8AsgTpgAmY7PhCfg==", "x-amz-date: 20130524T000000Z", "host: other",
                "date: Fri, 24 May 2013 00:00:00 GMT",
                "transfer-encoding: chunked", "expect: 100-continue", "x-amz-tagging: a=b", "user-agent: a b",
            ])
    }

    static func run(_ input: Data) throws {
        let lines = String(decoding: input, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 3, let method = HTTPTypes.HTTPRequest.Method(String(lines[1])) else { return }
        let target = lines[2].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = String(target[0]).percentDecoded(), path.utf8.first == UInt8(ascii: "/") else { return }
        let query = (target.count > 1 ? target[1] : "").split(separator: "&").compactMap {
            pair -> (name: String, value: String)? in
            let words = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let name = words[0].percentDecoded(), let value = (words.count > 1 ? words[1] : "").percentDecoded(),
                !name.isEmpty, !name.hasPrefix("X-Amz-"), name != "AWSAccessKeyId"
            else { return nil }
            return (name, value)
        }
        var fields = HTTPHeaders()
        for line in lines.dropFirst(3) {
            let words = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard words.count == 2, let name = HTTPField.Name(String(words[0])), name.canonicalName != "authorization",
                fields[name.canonicalName] == nil
            else { continue }
            fields[name.canonicalName] = HTTPField(name: name, value: String(words[1])).value
        }
        try check(lines[0], method, path, query, fields)
    }

    private static func check(
        _ kind: Substring, _ method: HTTPTypes.HTTPRequest.Method, _ path: String,
        _ query: [(name: String, value: String)],
        _ fields: HTTPHeaders
    ) throws {
        var fields = fields
        var text = query.map { "\($0.name.percentEncoded())=\($0.value.percentEncoded())" }.joined(separator: "&")
        let encoded = path.percentEncoded(keepingSlash: true)
        let payload = fields["x-amz-content-sha256"] ?? SignatureV4.unsignedPayload
        switch kind {
        case "h":
            SignatureV4.sign(
                &fields, method: method.rawValue, host: "h:80", path: encoded, query: query, payloadHash: payload,
                credentials: credentials, region: "r", date: moment)
        case "p":
            fields["x-amz-content-sha256"] = nil
            let covered = fields.filter { $0.name.lowercased().hasPrefix("x-amz-") }
                .map { (name: $0.name.lowercased(), value: $0.value) }
            text = SignatureV4.presignedQuery(
                method: method.rawValue, host: "h:80", path: encoded, query: query, headers: covered,
                credentials: credentials, region: "r", date: moment, expires: 60)
        default: break
        }
        var head = HTTPTypes.HTTPRequest(
            method: method, scheme: "http", authority: "h:80", path: text.isEmpty ? encoded : "\(encoded)?\(text)")
        for field in fields {
            if let name = HTTPField.Name(field.name) {
                head.headerFields.append(HTTPField(name: name, value: field.value))
            }
        }
        let request = try S3Request(head, id: "1", remoteAddress: "127.0.0.1")
        precondition(request.path == path)
        _ = try? request.metadata()
        _ = request.storedHeaders()
        do throws(S3Failure) {
            _ = try Authenticator(credentials: credentials, hosts: ["h:80"]).authenticate(request, now: moment)
            precondition(kind == "h" || kind == "p")
        } catch {
            precondition((400...501).contains(error.status) && !error.message.isEmpty)
            // Of what is signed soundly, only a wrong word for the body's digest is refused.
            precondition(
                (kind != "h" && kind != "p") || error.code == "InvalidArgument", "\(error.code): \(error.message)")
        }
    }
}

/// Bodies in chunks that are signed one after the other, with a checksum behind them: a sound one is taken in whole, and one in which a byte
/// was changed is not.
enum SignedBodiesTarget: FuzzTarget {
    static let name = "signed-bodies"

    static func run(_ input: Data) throws {
        var choices = Array(input)[...]
        func next(_ count: Int) -> Int { Int(choices.popFirst() ?? 0) % count }
        let isSigned = next(3) > 0
        let algorithm: Checksum.Algorithm? = next(2) == 0 && isSigned ? nil : Checksum.Algorithm.allCases[next(5)]
        let cut = next(64) + 1
        let damage = next(2) == 0 ? nil : next(256)
        var chunks: [[UInt8]] = []
        while !choices.isEmpty, chunks.count < 20 {
            let count = next(200) + 1
            chunks.append(Array(choices.prefix(count)))
            choices = choices.dropFirst(count)
        }
        chunks.removeAll(where: \.isEmpty)
        let body = SignedBody(chunks, isSigned: isSigned, checksum: algorithm)
        var bytes = body.bytes
        if let damage, !body.places.isEmpty { bytes[body.places[damage % body.places.count]] ^= 1 }
        if damage != nil, body.places.isEmpty { return }
        let received = try body.receive(bytes, cut: cut)
        precondition((received == nil) == (damage != nil))
        if let received { precondition(received == chunks.flatMap { $0 }) }
    }
}

/// A body in chunks as a client would send it.
private struct SignedBody {
    private(set) var bytes: [UInt8] = []
    /// Where the song's own bytes are.
    private(set) var places: [Int] = []
    private let head: HTTPTypes.HTTPRequest

    init(_ chunks: [[UInt8]], isSigned: Bool, checksum algorithm: Checksum.Algorithm?) {
        let word =
            isSigned
            ? "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + (algorithm == nil ? "" : "-TRAILER") : SignatureV4.unsignedTrailer
        var fields: HTTPHeaders = ["x-amz-decoded-content-length": String(chunks.reduce(0) { $0 + $1.count })]
        if let algorithm { fields["x-amz-trailer"] = algorithm.header }
        SignatureV4.sign(
            &fields, method: "PUT", host: "h:80", path: "/b/k", query: [], payloadHash: word, credentials: credentials,
            region: "r",
            date: moment)
        var head = HTTPTypes.HTTPRequest(method: .put, scheme: "http", authority: "h:80", path: "/b/k")
        for field in fields {
            if let name = HTTPField.Name(field.name) {
                head.headerFields.append(HTTPField(name: name, value: field.value))
            }
        }
        self.head = head
        let time = fields["x-amz-date"] ?? ""
        let scope = SignatureV4.Scope(day: String(time.prefix(8)), region: "r")
        let key = SignatureV4.signingKey(secret: credentials.secretKey, scope: scope)
        var previous = String((fields["Authorization"] ?? "").suffix(64))
        var check = algorithm.map { Checksum($0) }
        for chunk in chunks + [[]] {
            let hash = Hash.digest(.sha256, chunk).hex
            previous = SignatureV4.signature(
                of: SignatureV4.stringToSign(chunkHash: hash, previous: previous, time: time, scope: scope), key: key)
            bytes += Array(
                (String(chunk.count, radix: 16) + (isSigned ? ";chunk-signature=\(previous)" : "") + "\r\n").utf8)
            places += bytes.count..<bytes.count + chunk.count
            bytes += chunk + (chunk.isEmpty ? [] : [13, 10])
            chunk.withUnsafeBytes { check?.update($0) }
        }
        if let algorithm, let sum = check?.finish() {
            let line = "\(algorithm.header):\(sum)\n"
            let signature = SignatureV4.signature(
                of: SignatureV4.stringToSign(trailerHash: line.sha256, previous: previous, time: time, scope: scope),
                key: key)
            bytes += Array(
                (line.dropLast() + "\r\n" + (isSigned ? "x-amz-trailer-signature:\(signature)\r\n" : "")).utf8)
        }
        bytes += [13, 10]
    }

    /// What the storage takes in of `bytes`, which come in pieces; nil when it refuses them.
    func receive(_ bytes: [UInt8], cut: Int) throws -> [UInt8]? {
        let request = try S3Request(head, id: "1", remoteAddress: "127.0.0.1")
        let payload = try Authenticator(credentials: credentials).authenticate(request, now: moment)
        let receiver = try BodyReceiver(request, payload, into: .memory(limit: 1 << 20))
        do {
            for start in stride(from: 0, to: bytes.count, by: cut) {
                try receiver.consume(Array(bytes[start..<min(start + cut, bytes.count)]))
            }
            return Array(try receiver.finish().data)
        } catch {
            return nil
        }
    }
}
