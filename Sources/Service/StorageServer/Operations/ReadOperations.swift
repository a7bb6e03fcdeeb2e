import Encodings
import Foundation
import HTTPTypes
import Hummingbird
import ObjectStorage

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
