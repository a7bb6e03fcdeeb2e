import Digests
import Encodings
import Foundation
import ObjectStorage

/// Checks the signature of a request (AWS Signature Version 4), in its header or its query.
package struct Authenticator: Sendable {
    let credentials: S3Credentials
    /// Hosts by which this server may be known, for the hint in a refusal.
    let hosts: [String]

    package init(credentials: S3Credentials, hosts: [String] = []) {
        self.credentials = credentials
        self.hosts = hosts
    }

    /// How far a clock may be off, in seconds.
    static let tolerance: TimeInterval = 15 * 60

    /// What the signature says of the body.
    package enum Payload: Sendable {
        /// Nothing; the body is as long as `Content-Length`.
        case unsigned
        /// It has this SHA-256.
        case hash(String)
        /// It comes in chunks, signed one by one or not at all, with or without trailing fields.
        case chunks(ChunkSigner?, hasTrailer: Bool)
    }

    /// Signs the chunks of one body, each with the signature of the one before.
    package struct ChunkSigner: Sendable {
        var previous: String
        let time: String
        let scope: SignatureV4.Scope
        let key: [UInt8]
    }

    /// - Throws: the answer for a request that is not ours to serve.
    package func authenticate(_ request: S3Request, now: Date) throws(S3Failure) -> Payload {
        if let authorization = request.header("authorization") {
            guard authorization.hasPrefix(SignatureV4.algorithm) else { throw .unsupportedSignature }
            return try checkHeader(request, authorization, now)
        }
        if request.query("X-Amz-Algorithm") != nil || request.query("X-Amz-Signature") != nil {
            return try checkQuery(request, now)
        }
        if request.query("AWSAccessKeyId") != nil { throw .unsupportedSignature }
        throw .accessDenied
    }

    // MARK: - Header

    private func checkHeader(_ request: S3Request, _ authorization: String, _ now: Date) throws(S3Failure) -> Payload {
        var fields: [String: String] = [:]
        for field in authorization.dropFirst(SignatureV4.algorithm.count).split(separator: ",") {
            let words = field.trimmed.split(separator: "=", maxSplits: 1)
            if words.count == 2 { fields[String(words[0])] = String(words[1]) }
        }
        guard let credential = fields["Credential"], let names = fields["SignedHeaders"],
            let signature = fields["Signature"], let scope = scope(of: credential)
        else { throw .malformedAuthorization }
        guard isOurs(credential) else { throw .invalidAccessKey }
        let time: String
        if let stamp = request.header("x-amz-date") {
            time = stamp
        } else if let date = request.header("date").flatMap({ Timestamp.parse(http: $0) }) {
            time = Timestamp.basic(date)
        } else {
            throw S3Failure(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
        }
        guard let date = Timestamp.parse(basic: time), time.hasPrefix(scope.day) else { throw .malformedAuthorization }
        guard abs(date.timeIntervalSince(now)) <= Self.tolerance else { throw .timeSkewed }
        guard let declared = request.header("x-amz-content-sha256") else {
            throw S3Failure(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        }
        let key = SignatureV4.signingKey(secret: credentials.secretKey, scope: scope)
        let canonical = try canonicalRequest(request, names, query: request.query, payloadHash: declared)
        try check(signature, of: canonical, request, time, scope, key)
        let signer = ChunkSigner(previous: signature, time: time, scope: scope, key: key)
        return try payload(declared, signer)
    }

    private func payload(_ declared: String, _ signer: ChunkSigner) throws(S3Failure) -> Payload {
        switch declared {
        case SignatureV4.unsignedPayload: return .unsigned
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": return .chunks(signer, hasTrailer: false)
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": return .chunks(signer, hasTrailer: true)
        case "STREAMING-UNSIGNED-PAYLOAD-TRAILER": return .chunks(nil, hasTrailer: true)
        default:
            guard declared.utf8.count == 64, declared.utf8.allSatisfy({ $0.hexValue != nil }) else {
                throw .invalidArgument("x-amz-content-sha256 must be a SHA-256 in hex or one of the known words.")
            }
            return .hash(declared.lowercased())
        }
    }

    // MARK: - Query

    private func checkQuery(_ request: S3Request, _ now: Date) throws(S3Failure) -> Payload {
        guard request.query("X-Amz-Algorithm") == SignatureV4.algorithm else { throw .unsupportedSignature }
        guard let credential = request.query("X-Amz-Credential"), let scope = scope(of: credential),
            let time = request.query("X-Amz-Date"), let date = Timestamp.parse(basic: time), time.hasPrefix(scope.day),
            let seconds = request.query("X-Amz-Expires").flatMap({ Int($0) }), (1...604_800).contains(seconds),
            let names = request.query("X-Amz-SignedHeaders"), let signature = request.query("X-Amz-Signature")
        else { throw .malformedPresign }
        guard isOurs(credential) else { throw .invalidAccessKey }
        guard date.timeIntervalSince(now) <= Self.tolerance else { throw .notYetValid }
        guard now.timeIntervalSince(date) < TimeInterval(seconds) else { throw .expired }
        let declared = request.query("X-Amz-Content-Sha256") ?? SignatureV4.unsignedPayload
        let key = SignatureV4.signingKey(secret: credentials.secretKey, scope: scope)
        let canonical = try canonicalRequest(
            request, names, query: request.query.filter { $0.name != "X-Amz-Signature" }, payloadHash: declared)
        try check(signature, of: canonical, request, time, scope, key)
        return try payload(declared, ChunkSigner(previous: signature, time: time, scope: scope, key: key))
    }

    // MARK: - Both

    private func check(
        _ signature: String, of canonical: SignatureV4.CanonicalRequest, _ request: S3Request, _ time: String,
        _ scope: SignatureV4.Scope, _ key: [UInt8]
    ) throws(S3Failure) {
        func isRight(_ canonical: SignatureV4.CanonicalRequest) -> Bool {
            let text = SignatureV4.stringToSign(canonical, time: time, scope: scope)
            return Hash.isEqual(SignatureV4.signature(of: text, key: key), signature)
        }
        guard !isRight(canonical) else { return }
        // The most frequent mistakes are another name for the same server, and fields that are not sent as they were signed.
        for host in hosts where host != request.host {
            var other = canonical
            other.headers = other.headers.map { $0.name == "host" ? ("host", host) : $0 }
            if isRight(other) {
                throw .signatureMismatch(
                    "The signature is for the host \(host), but the request has Host: \(request.host); use the address as it "
                        + "was given.")
            }
        }
        throw .signatureMismatch(
            "The signature covers the header fields \(canonical.signedHeaders); the request must have them exactly as they "
                + "were signed, and it has Host: \(request.host).")
    }

    private func isOurs(_ credential: String) -> Bool {
        let words = credential.split(separator: "/", omittingEmptySubsequences: false)
        return Hash.isEqual(words.dropLast(4).joined(separator: "/"), credentials.accessKey)
    }

    /// `AKIA…/20130524/us-east-1/s3/aws4_request`; any region is accepted, as by MinIO without a configured one.
    private func scope(of credential: String) -> SignatureV4.Scope? {
        let words = credential.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard words.count >= 5, words[words.count - 1] == "aws4_request", words[words.count - 2] == "s3",
            words[words.count - 4].count == 8
        else { return nil }
        return SignatureV4.Scope(day: words[words.count - 4], region: words[words.count - 3])
    }

    /// The request as its sender must have signed it. Every `x-amz-…` field must be part of the signature: an added one could
    /// change what the request does.
    private func canonicalRequest(
        _ request: S3Request, _ names: String, query: [(name: String, value: String)], payloadHash: String
    ) throws(S3Failure) -> SignatureV4.CanonicalRequest {
        let names = names.split(separator: ";").map { $0.lowercased() }
        guard names.contains("host") else { throw .headersNotSigned }
        for (name, _) in request.headers where name.hasPrefix("x-amz-") && name != "x-amz-content-sha256" {
            guard names.contains(name) else { throw .headersNotSigned }
        }
        var signed: [(name: String, value: String)] = []
        for name in names {
            let values = name == "host" ? [request.host] : request.headers.filter { $0.name == name }.map(\.value)
            guard !values.isEmpty else {
                throw .signatureMismatch(
                    "The signature covers the header fields \(names.joined(separator: ";")), but the request has no "
                        + "\(name); send it as it was signed.")
            }
            signed.append((name, values.joined(separator: ",")))
        }
        return SignatureV4.CanonicalRequest(
            method: request.method, path: request.path.percentEncoded(keepingSlash: true), query: query,
            headers: signed, payloadHash: payloadHash)
    }
}
