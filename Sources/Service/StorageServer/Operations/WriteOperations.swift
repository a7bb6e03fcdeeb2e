import Encodings
import Foundation
import Hummingbird
import ObjectStorage

extension S3Service {
    func put(_ call: Call, _ bucket: String, _ key: String) async throws -> Response {
        try await catalog.checkBucket(bucket)
        let request = call.request
        let metadata = try request.metadata()
        let file = TemporaryFile(in: catalog.layout.incoming)
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
