import Encodings
import Foundation
import HTTPTypes
import Hummingbird
import ObjectStorage

// Objects, one at a time: what is read, with conditions and ranges, and what is written or removed.

extension S3Service {
    /// GET and HEAD of an object, with conditions and a range.
    func read(_ request: S3Request, _ bucket: String, _ key: String) async throws -> Response {
        if let part = request.query("partNumber"), part != "1" { throw S3Failure.notImplemented }
        let (record, lease) = try await catalog.open(bucket, key)
        if isNotModified(request, record) { return describe(record, .empty(304)) }
        try checkPreconditions(request, record)
        let range = try Self.range(request.header("range"), size: record.size)
        var response = Response(status: range == nil ? .ok : .partialContent)
        let bytes = range ?? 0..<record.size
        if request.method != "HEAD" {
            let reader = SegmentReader(catalog.layout, bucket, record, lease)
            try await reader.prepare(at: bytes)
            response = Response(status: response.status, body: reader.body(bytes))
        }
        response = describe(record, response).with("Content-Length", String(bytes.count))
        if range != nil {
            let text = "bytes \(bytes.lowerBound)-\(bytes.upperBound - 1)/\(record.size)"
            response = response.with("Content-Range", text)
        }
        for name in ["type", "language", "expires", "cache-control", "content-disposition", "content-encoding"] {
            let header = ["type", "language"].contains(name) ? "content-\(name)" : name
            if let value = request.query("response-\(header)") { response = response.with(header, value) }
        }
        return response
    }

    /// The header fields that tell what an object is.
    private func describe(_ record: ObjectRecord, _ response: Response) -> Response {
        var response = response.with("ETag", "\"\(record.eTag)\"")
            .with("Last-Modified", Timestamp.http(record.lastModified)).with("Content-Type", record.contentType)
        for (name, value) in record.headers { response = response.with(name, value) }
        for (name, value) in record.metadata { response = response.with("x-amz-meta-\(name)", value) }
        return response
    }

    private func isNotModified(_ request: S3Request, _ record: ObjectRecord, prefix: String = "") -> Bool {
        if let tags = request.header("\(prefix)if-none-match") { return Self.matches(tags, record.eTag) }
        guard let since = request.header("\(prefix)if-modified-since").flatMap({ Timestamp.parse(http: $0) }) else {
            return false
        }
        return record.lastModified.wholeSeconds <= since
    }

    private func checkPreconditions(_ request: S3Request, _ record: ObjectRecord, prefix: String = "") throws {
        if let tags = request.header("\(prefix)if-match") {
            guard Self.matches(tags, record.eTag) else { throw S3Failure.preconditionFailed }
        } else if let since = request.header("\(prefix)if-unmodified-since").flatMap({ Timestamp.parse(http: $0) }) {
            guard record.lastModified.wholeSeconds <= since else { throw S3Failure.preconditionFailed }
        }
    }

    /// The conditions under which a copy takes its source.
    func checkSource(_ request: S3Request, _ record: ObjectRecord) throws {
        try checkPreconditions(request, record, prefix: "x-amz-copy-source-")
        guard !isNotModified(request, record, prefix: "x-amz-copy-source-") else { throw S3Failure.preconditionFailed }
    }

    /// Whether a list of entity tags, or `*`, has this one.
    static func matches(_ tags: String, _ eTag: String) -> Bool {
        tags.split(separator: ",").map { $0.trimmed.replacing(/^W\//, with: "").unquoted }.contains {
            $0 == "*" || $0 == eTag
        }
    }

    /// The bytes of a `Range` field; `nil` where there is none, or one that is to be ignored (RFC 9110, section 14.2).
    static func range(_ header: String?, size: Int) throws(S3Failure) -> Range<Int>? {
        guard let header, header.hasPrefix("bytes="), !header.contains(",") else { return nil }
        let words = header.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            .map(\.trimmed)
        guard words.count == 2, words.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }) else { return nil }
        switch (Int(words[0]), Int(words[1])) {
        case (let first?, let last?):
            guard first <= last else { return nil }
            guard first < size else { throw .invalidRange }
            return first..<min(last, size - 1) + 1
        case (let first?, nil):
            guard first < size else { throw .invalidRange }
            return words[1].isEmpty ? first..<size : nil
        case (nil, let count?):
            guard words[0].isEmpty else { throw .invalidRange }
            guard count > 0, size > 0 else { throw .invalidRange }
            return max(0, size - count)..<size
        case (nil, nil): return nil
        }
    }

    func tagging(_ bucket: String, _ key: String) async throws -> Response {
        _ = try await catalog.record(bucket, key)
        return .xml("Tagging") { $0.element("TagSet", "") }
    }
}

extension S3Service {
    func put(_ call: Call, _ bucket: String, _ key: String) async throws -> Response {
        try await catalog.checkBucket(bucket)
        let request = call.request
        let metadata = try request.metadata()
        let file = IncomingFile(in: catalog.layout.incoming)
        let received = try await call.receive(into: .file(file, space, limit: Self.objectLimit))
        var draft = ObjectDraft(
            bucket: bucket, key: key, segments: [received.size], eTag: received.md5, headers: request.storedHeaders(),
            metadata: metadata)
        try addConditions(request, to: &draft)
        let record = try await catalog.commit(
            draft, files: [file.path], keepingFiles: false, event: event("s3:ObjectCreated:Put", request))
        var response = Response.empty().with("ETag", "\"\(record.eTag)\"")
        for (name, value) in received.checksums { response = response.with(name, value) }
        return response
    }

    private func addConditions(_ request: S3Request, to draft: inout ObjectDraft) throws {
        if let tag = request.header("if-none-match") {
            guard tag == "*" else { throw S3Failure.notImplemented }
            draft.onlyIfAbsent = true
        }
        draft.onlyOver = request.header("if-match")?.unquoted
    }

    func delete(_ request: S3Request, _ bucket: String, _ key: String) async throws -> Response {
        try await catalog.delete(bucket, key, event: event("s3:ObjectRemoved:Delete", request))
        return .empty(204)
    }

    func deleteMany(_ call: Call, _ bucket: String) async throws -> Response {
        try await catalog.checkBucket(bucket)
        let document = try await call.document()
        let keys = document.all("Object").compactMap { $0.text("Key") }
        guard document.name == "Delete", !keys.isEmpty, keys.count <= 1000 else { throw S3Failure.malformedXML }
        let isQuiet = document.text("Quiet") == "true"
        var failed: [(key: String, message: String)] = []
        for key in keys {
            do {
                try await catalog.delete(bucket, key, event: event("s3:ObjectRemoved:Delete", call.request))
            } catch let error as DiskError {
                failed.append((key, error.description))
            }
        }
        return .xml("DeleteResult") { xml in
            for key in keys where !isQuiet && !failed.contains(where: { $0.key == key }) {
                xml.element("Deleted") { $0.element("Key", key) }
            }
            for failure in failed {
                xml.element("Error") { xml in
                    xml.element("Key", failure.key)
                    xml.element("Code", S3Failure.internalError.code)
                    xml.element("Message", S3Failure.internalError.message)
                }
            }
        }
    }

    // MARK: - Copy

    /// The object that `x-amz-copy-source` names: `/bucket/key` or `bucket/key`, percent-encoded.
    func copySource(_ request: S3Request) throws(S3Failure) -> (bucket: String, key: String) {
        let text = (request.header("x-amz-copy-source") ?? "").split(separator: "?", maxSplits: 1).first ?? ""
        guard let decoded = String(text).percentDecoded() else {
            throw .invalidArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey.")
        }
        let scalars = decoded.unicodeScalars
        let path = scalars.first == "/" ? scalars.dropFirst() : scalars[...]
        let words = path.split(separator: "/", maxSplits: 1).map { String($0) }
        guard words.count == 2 else {
            throw .invalidArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey.")
        }
        return (String(words[0]), String(words[1]))
    }

    /// The copy shares the bytes on the disk, which never change.
    func copy(_ request: S3Request, _ bucket: String, _ key: String) async throws -> Response {
        try await catalog.checkBucket(bucket)
        let source = try copySource(request)
        let (record, lease) = try await catalog.open(source.bucket, source.key)
        try checkSource(request, record)
        let replaces = request.header("x-amz-metadata-directive")?.uppercased() == "REPLACE"
        guard replaces || source != (bucket, key) else {
            throw S3Failure(
                400, "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                    + "object's metadata, storage class, website redirect location or encryption attributes.")
        }
        var draft = ObjectDraft(
            bucket: bucket, key: key, segments: record.segments, eTag: record.eTag,
            headers: replaces ? request.storedHeaders() : record.headers,
            metadata: replaces ? try request.metadata() : record.metadata)
        try addConditions(request, to: &draft)
        let files = record.segments.indices.map { catalog.layout.data(source.bucket, record.id, $0) }
        let copied = try await catalog.commit(
            draft, files: files, keepingFiles: true, event: event("s3:ObjectCreated:Copy", request))
        withExtendedLifetime(lease) {}
        return .xml("CopyObjectResult") { xml in
            xml.element("LastModified", Timestamp.milliseconds(copied.lastModified))
            xml.element("ETag", "\"\(copied.eTag)\"")
        }
    }
}
