import Digests
public import Foundation
public import HTTPTransport
import Streams
import Threading

extension S3Client {
    /// Stores an object.
    ///
    /// Large files and streams of unknown length are sent in parts; a failed upload in parts is aborted, so that nothing is
    /// left of it. Bytes, files and parts are sent with their MD5 and again after a transient failure. A stream of known
    /// length passes through without being held, cannot be sent again, and carries its checksum at its end. The server compares
    /// and keeps nothing that is not what was sent.
    /// - Parameters:
    ///   - metadata: user metadata; names without `x-amz-meta-`, values in ASCII.
    ///   - onlyIfAbsent: whether nothing is stored where there is an object (`If-None-Match: *`), which is an error of status 412.
    /// - Throws: ``S3Error`` with code `BadDigest` when what is stored is not what was sent.
    @discardableResult
    public func put(
        _ bucket: String, _ key: String, body: HTTPBody, contentType: String = "application/octet-stream",
        metadata: [String: String] = [:], onlyIfAbsent: Bool = false
    ) async throws -> PutResult {
        var call = Call(method: "PUT", bucket: bucket, key: key, headers: ["Content-Type": contentType], body: body)
        if onlyIfAbsent { call.headers["If-None-Match"] = "*" }
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) { call.headers["x-amz-meta-\(name)"] = value }
        switch body {
        case .empty, .bytes:
            return try await putWhole(call)
        case .file(let url, let range):
            let range = try range ?? 0..<Self.size(of: url)
            call.body = .file(url, range: range)
            return range.count <= limits.singleFile
                ? try await putWhole(call)
                : try await putParts(call, FileParts(url: url, range: range, size: limits.part))
        case .stream(let stream, let length?) where length <= limits.singleStream:
            return try await putStream(call, stream, length: length)
        case .stream(let stream, let length):
            let size = max(limits.part, (length ?? 0) / 9_000 + 1)
            return try await putParts(call, StreamParts(stream, size: size))
        }
    }

    /// Stores a file.
    @discardableResult
    public func putFile(
        _ bucket: String, _ key: String, _ file: URL, contentType: String = "application/octet-stream",
        metadata: [String: String] = [:]
    ) async throws -> PutResult {
        try await put(bucket, key, body: .file(file), contentType: contentType, metadata: metadata)
    }

    private static func size(of url: URL) throws -> Int {
        guard let size = HTTPBody.file(url).length else {
            throw HTTPError.unreadableFile(url.path, "it is not there or not readable")
        }
        return size
    }

    /// A body that can be sent again, in one request.
    private func putWhole(_ call: Call) async throws -> PutResult {
        var call = call
        call.headers["Content-MD5"] = Data(try await call.body.md5()).base64EncodedString()
        let response = try await finish(send(call))
        return PutResult(eTag: response["ETag"]?.unquoted ?? "", size: call.body.length ?? 0)
    }

    /// A stream of known length, in one request, with its checksum behind it; the server compares. The entity tag says nothing: it is no
    /// MD5 in buckets that encrypt with keys of their own (SSE-KMS).
    private func putStream(_ call: Call, _ stream: ByteStream, length: Int) async throws -> PutResult {
        var call = call
        if configuration.sendsChecksums {
            let body = ChecksummedBody(source: stream, length: length)
            call.body = .stream(ByteStream(body), length: body.encodedLength)
            call.headers["Content-Encoding"] = "aws-chunked"
            call.headers["x-amz-decoded-content-length"] = String(length)
            call.headers["x-amz-trailer"] = ChecksummedBody.trailer.header
            call.payloadHash = SignatureV4.unsignedTrailer
        }
        let eTag = try await finish(send(call))["ETag"]?.unquoted ?? ""
        return PutResult(eTag: eTag, size: length)
    }

    /// Reads the (empty) body, so that the connection can be used again.
    private func finish(_ response: HTTPResponse) async throws -> HTTPHeaders {
        _ = try await response.body.collect(limit: 1 << 20)
        return response.headers
    }
}

// MARK: - In parts

extension S3Client {
    /// Uploads parts one after the other. A body that turns out to fit into one part is stored in one request.
    func putParts(_ call: Call, _ parts: some PartSource) async throws -> PutResult {
        var parts = parts
        let first = try await parts.next()
        guard let first, let second = try await parts.next() else {
            var whole = call
            whole.body = first ?? .empty
            return try await putWhole(whole)
        }
        // In a task of its own, which is not cancelled with ours: an upload whose id is lost could not be aborted.
        let upload = try await Task { try await createUpload(call) }.value
        do {
            try Task.checkCancellation()
            var tags: [String] = []
            var size = 0
            var waiting = [second, first]
            while true {
                let part: HTTPBody
                if let next = waiting.popLast() {
                    part = next
                } else if let next = try await parts.next() {
                    part = next
                } else {
                    break
                }
                tags.append(try await putPart(call, part, number: tags.count + 1, upload: upload))
                size += part.length ?? 0
            }
            return PutResult(eTag: try await completeUpload(call, upload, tags), size: size)
        } catch {
            // Outside of this task, which may be cancelled: what is left behind costs space for ever.
            await Task { try? await abortUpload(call.bucket ?? "", call.key ?? "", upload) }.value
            throw error
        }
    }

    func createUpload(_ call: Call) async throws -> String {
        var create = call
        (create.method, create.query, create.body) = ("POST", [("uploads", "")], .empty)
        guard let id = try await document(create)?.text("UploadId"), !id.isEmpty else {
            throw S3Error(
                status: 200, code: "MalformedAnswer", message: "The multipart upload got no id.", bucket: call.bucket,
                key: call.key)
        }
        return id
    }

    func putPart(_ call: Call, _ body: HTTPBody, number: Int, upload: String) async throws -> String {
        var part = Call(method: "PUT", bucket: call.bucket, key: call.key, body: body)
        part.query = [("partNumber", String(number)), ("uploadId", upload)]
        if body.isRepeatable { part.headers["Content-MD5"] = Data(try await body.md5()).base64EncodedString() }
        return try await finish(send(part))["ETag"] ?? ""
    }

    func completeUpload(_ call: Call, _ upload: String, _ tags: [String]) async throws -> String {
        var xml = XMLWriter()
        xml.element("CompleteMultipartUpload", namespace: XMLWriter.s3) { xml in
            for (index, tag) in tags.enumerated() {
                xml.element("Part") { xml in
                    xml.element("PartNumber", String(index + 1))
                    xml.element("ETag", tag)
                }
            }
        }
        var complete = Call(
            method: "POST", bucket: call.bucket, key: call.key, query: [("uploadId", upload)],
            headers: ["Content-Type": "application/xml"], body: .bytes(Data(xml.text.utf8)))
        if let condition = call.headers["If-None-Match"] { complete.headers["If-None-Match"] = condition }
        do {
            return try await document(complete)?.text("ETag")?.unquoted ?? ""
        } catch let error as S3Error where error.code == "NoSuchUpload" {
            // An attempt before may have completed it although its answer was lost. Entity tags of encrypted objects cannot be
            // computed; there the number of parts must do.
            guard let head = try await head(call.bucket ?? "", call.key ?? ""), Self.isMade(head, ofParts: tags)
            else { throw error }
            return head.eTag
        }
    }

    private static func isMade(_ head: ObjectHead, ofParts tags: [String]) -> Bool {
        if head.eTag == eTag(ofParts: tags) { return true }
        let areDigests = tags.allSatisfy { $0.unquoted.count == 32 && $0.unquoted.allSatisfy(\.isHexDigit) }
        return head.isEncrypted && !areDigests && head.eTag.hasSuffix("-\(tags.count)")
    }

    /// The entity tag of an object made of parts: the MD5 of their MD5s, and their number.
    static func eTag(ofParts tags: [String]) -> String {
        let hash = Hash(.md5)
        for tag in tags {
            let digits = tag.unquoted.utf8.compactMap(\.hexValue)
            hash.update(stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
        }
        return "\(hash.finish().hex)-\(tags.count)"
    }

    /// Drops an upload in parts that was not completed. That it is not there is no error.
    public func abortUpload(_ bucket: String, _ key: String, _ upload: String) async throws {
        let call = Call(method: "DELETE", bucket: bucket, key: key, query: [("uploadId", upload)])
        _ = try await send(call, accepting: [404])
    }

    /// The uploads in parts that are neither completed nor aborted (the first 1,000).
    public func unfinishedUploads(_ bucket: String) async throws -> [(key: String, upload: String)] {
        let document = try await document(Call(method: "GET", bucket: bucket, query: [("uploads", "")]))
        return document?.all("Upload").map { ($0.text("Key") ?? "", $0.text("UploadId") ?? "") } ?? []
    }
}
