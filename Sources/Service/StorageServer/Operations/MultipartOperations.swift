import Digests
import Encodings
import Foundation
import Hummingbird
import ObjectStorage
import Synchronization

extension S3Service {
    func createUpload(_ request: S3Request, _ bucket: String, _ key: String) async throws -> Response {
        let upload = try await catalog.createUpload(
            bucket, key, headers: request.storedHeaders(), metadata: try request.metadata())
        return .xml("InitiateMultipartUploadResult") { xml in
            xml.element("Bucket", bucket)
            xml.element("Key", key)
            xml.element("UploadId", upload.id)
        }
    }

    private func partNumber(_ request: S3Request) throws(S3Failure) -> Int {
        guard let number = request.query("partNumber").flatMap({ Int($0) }), (1...10_000).contains(number) else {
            throw .invalidArgument("Part number must be an integer between 1 and 10000, inclusive")
        }
        return number
    }

    func putPart(_ call: Call, _ bucket: String, _ key: String, _ id: String) async throws -> Response {
        let number = try partNumber(call.request)
        let upload = try await catalog.upload(id, bucket, key)
        let file = IncomingFile(in: catalog.layout.incoming)
        let received = try await call.receive(into: .file(file, space, limit: Self.objectLimit))
        let part = PartRecord(number: number, eTag: received.md5, size: received.size, lastModified: now())
        try await catalog.storePart(upload, part, file: file.path)
        var response = Response.empty().with("ETag", "\"\(part.eTag)\"")
        for (name, value) in received.checksums { response = response.with(name, value) }
        return response
    }

    /// A part made of another object, or of a range of one.
    func copyPart(_ request: S3Request, _ bucket: String, _ key: String, _ id: String) async throws -> Response {
        let number = try partNumber(request)
        let upload = try await catalog.upload(id, bucket, key)
        let source = try copySource(request)
        let (record, lease) = try await catalog.open(source.bucket, source.key)
        try checkSource(request, record)
        let range = try Self.range(request.header("x-amz-copy-source-range"), size: record.size)
        let reader = SegmentReader(catalog.layout, source.bucket, record, lease)
        let file = IncomingFile(in: catalog.layout.incoming)
        let size = range?.count ?? record.size
        let room = try await Disk.run { [space] in try space.reserve(size) }
        let digest = try await Self.write(reader, range ?? 0..<record.size, to: file)
        withExtendedLifetime(room) {}
        let part = PartRecord(number: number, eTag: digest, size: size, lastModified: now())
        try await catalog.storePart(upload, part, file: file.path)
        return .xml("CopyPartResult") { xml in
            xml.element("LastModified", Timestamp.milliseconds(part.lastModified))
            xml.element("ETag", "\"\(part.eTag)\"")
        }
    }

    /// Copies bytes into a new file, waits until they are on the disk, and gives back their MD5.
    private static func write(_ reader: SegmentReader, _ range: Range<Int>, to file: IncomingFile) async throws
        -> String
    {
        let hash = Mutex<Hash>(Hash(.md5))
        let output = try await Disk.run { FileHandle(fileDescriptor: try Disk.create(file.path), closeOnDealloc: true) }
        var rest = range
        while !rest.isEmpty {
            let buffer = try await reader.read(rest)
            rest = rest.lowerBound + buffer.readableBytes..<rest.upperBound
            hash.withLock { hash in buffer.withUnsafeReadableBytes { hash.update($0) } }
            try await Disk.run {
                try buffer.withUnsafeReadableBytes { try Disk.append($0, to: output.fileDescriptor, file.path) }
            }
        }
        try await Disk.run {
            guard fsync(output.fileDescriptor) == 0 else { throw DiskError("flush", file.path) }
        }
        return hash.withLock { $0.finish().hex }
    }

    func listParts(_ request: S3Request, _ bucket: String, _ key: String, _ id: String) async throws -> Response {
        let upload = try await catalog.upload(id, bucket, key)
        let marker = request.query("part-number-marker").flatMap { Int($0) } ?? 0
        let limit = min(1000, max(0, request.query("max-parts").flatMap { Int($0) } ?? 1000))
        let all = try await catalog.parts(upload).filter { $0.number > marker }
        let page = all.prefix(limit)
        return .xml("ListPartsResult") { xml in
            xml.element("Bucket", bucket)
            xml.element("Key", key)
            xml.element("UploadId", id)
            xml.element("StorageClass", "STANDARD")
            xml.element("PartNumberMarker", String(marker))
            if let last = page.last, page.count < all.count {
                xml.element("NextPartNumberMarker", String(last.number))
            }
            xml.element("MaxParts", String(limit))
            xml.element("IsTruncated", page.count < all.count ? "true" : "false")
            for part in page {
                xml.element("Part") { xml in
                    xml.element("PartNumber", String(part.number))
                    xml.element("LastModified", Timestamp.milliseconds(part.lastModified))
                    xml.element("ETag", "\"\(part.eTag)\"")
                    xml.element("Size", String(part.size))
                }
            }
        }
    }

    func listUploads(_ request: S3Request, _ bucket: String) async throws -> Response {
        let prefix = request.query("prefix") ?? ""
        let uploads = try await catalog.uploads(in: bucket, prefix: prefix)
        let isEncoded = request.query("encoding-type") == "url"
        return .xml("ListMultipartUploadsResult") { xml in
            xml.element("Bucket", bucket)
            xml.element("KeyMarker", "")
            xml.element("UploadIdMarker", "")
            xml.element("Prefix", isEncoded ? prefix.percentEncoded() : prefix)
            xml.element("MaxUploads", String(uploads.count))
            xml.element("IsTruncated", "false")
            if isEncoded { xml.element("EncodingType", "url") }
            for upload in uploads {
                xml.element("Upload") { xml in
                    xml.element("Key", isEncoded ? upload.key.percentEncoded() : upload.key)
                    xml.element("UploadId", upload.id)
                    xml.element("StorageClass", "STANDARD")
                    xml.element("Initiated", Timestamp.milliseconds(upload.created))
                }
            }
        }
    }

    func completeUpload(_ call: Call, _ bucket: String, _ key: String, _ id: String) async throws -> Response {
        let upload = try await catalog.upload(id, bucket, key)
        let document = try await call.document()
        guard document.name == "CompleteMultipartUpload" else { throw S3Failure.malformedXML }
        var parts: [(number: Int, eTag: String)] = []
        for element in document.all("Part") {
            guard let number = element.text("PartNumber").flatMap({ Int($0.trimmed) }),
                let tag = element.text("ETag")?.trimmed.unquoted
            else { throw S3Failure.malformedXML }
            parts.append((number, tag))
        }
        let record = try await catalog.completeUpload(
            upload, parts, onlyIfAbsent: call.request.header("if-none-match") == "*",
            event: event("s3:ObjectCreated:CompleteMultipartUpload", call.request))
        return Response.xml("CompleteMultipartUploadResult") { xml in
            xml.element("Location", "http://\(call.request.host)/\(bucket)/\(key.percentEncoded(keepingSlash: true))")
            xml.element("Bucket", bucket)
            xml.element("Key", key)
            xml.element("ETag", record.eTag)
        }.with("ETag", "\"\(record.eTag)\"")
    }

    func abortUpload(_ bucket: String, _ key: String, _ id: String) async throws -> Response {
        try await catalog.abortUpload(try await catalog.upload(id, bucket, key))
        return .empty(204)
    }
}
