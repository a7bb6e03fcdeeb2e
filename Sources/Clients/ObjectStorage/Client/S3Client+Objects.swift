import Digests
import Encodings
import EnvironmentSettings
public import Foundation
import HTTPTransport
import Streams

extension S3Client {
    /// Reads an object, or a range of it, as a stream.
    ///
    /// - Parameter ifMatch: fail with `PreconditionFailed` unless the object still has this entity tag.
    public func get(_ bucket: String, _ key: String, range: ByteRange? = nil, ifMatch: String? = nil) async throws
        -> S3Object
    {
        var headers: HTTPHeaders = [:]
        if let range { headers["Range"] = range.header }
        if let ifMatch { headers["If-Match"] = "\"\(ifMatch)\"" }
        let response = try await send(Call(method: "GET", bucket: bucket, key: key, headers: headers))
        let head = ObjectHead(response.headers)
        let body = ResumingBody(client: self, bucket: bucket, key: key, head: head, first: response.body)
        return S3Object(head: head, body: ByteStream(body))
    }

    /// What is known of an object; `nil` when there is none.
    public func head(_ bucket: String, _ key: String) async throws -> ObjectHead? {
        let response = try await send(Call(method: "HEAD", bucket: bucket, key: key), accepting: [404])
        return response.status == 404 ? nil : ObjectHead(response.headers)
    }

    /// Deletes an object. That it was not there is no error.
    public func delete(_ bucket: String, _ key: String) async throws {
        _ = try await send(Call(method: "DELETE", bucket: bucket, key: key))
    }

    /// Deletes many objects, 1,000 in a request.
    /// - Throws: ``S3Error`` for the first object that could not be deleted; the others are.
    public func deleteMany(_ bucket: String, _ keys: [String]) async throws {
        for start in stride(from: 0, to: keys.count, by: 1000) {
            var xml = XMLWriter()
            xml.element("Delete", namespace: XMLWriter.s3) { xml in
                xml.element("Quiet", "true")
                for key in keys[start..<min(start + 1000, keys.count)] {
                    xml.element("Object") { $0.element("Key", key) }
                }
            }
            let body = Data(xml.text.utf8)
            let digest = Data(Hash.digest(.md5, body)).base64EncodedString()
            let call = Call(
                method: "POST", bucket: bucket, query: [("delete", "")],
                headers: ["Content-MD5": digest, "Content-Type": "application/xml"], body: .bytes(body))
            if let failure = try await document(call)?["Error"] {
                throw S3Error(
                    status: 200, code: failure.text("Code") ?? "InternalError",
                    message: failure.text("Message") ?? "", bucket: bucket, key: failure.text("Key"))
            }
        }
    }

    /// One page of a listing, in the order of the keys' UTF-8.
    ///
    /// - Parameters:
    ///   - delimiter: what comes behind it in a key (after `prefix`) is folded into a common prefix.
    ///   - startAfter: list keys behind this one only.
    ///   - continuation: that of the page before.
    ///   - limit: the most objects and prefixes on the page; servers give at most 1,000.
    public func list(
        _ bucket: String, prefix: String = "", delimiter: String? = nil, startAfter: String? = nil,
        continuation: String? = nil, limit: Int = 1000
    ) async throws -> ListPage {
        var query = [(name: "list-type", value: "2"), ("prefix", prefix), ("max-keys", String(limit))]
        query.append(("encoding-type", "url"))
        if let delimiter { query.append(("delimiter", delimiter)) }
        if let startAfter { query.append(("start-after", startAfter)) }
        if let continuation { query.append(("continuation-token", continuation)) }
        guard let document = try await document(Call(method: "GET", bucket: bucket, query: query)) else {
            return ListPage(objects: [], commonPrefixes: [], continuation: nil)
        }
        let isEncoded = document.text("EncodingType") == "url"
        func decoded(_ text: String?) -> String {
            guard let text else { return "" }
            return isEncoded ? text.percentDecoded(plusIsSpace: true) ?? text : text
        }
        return ListPage(
            objects: document.all("Contents").map { entry in
                ObjectSummary(
                    key: decoded(entry.text("Key")), size: entry.text("Size").flatMap { Int($0) } ?? 0,
                    eTag: entry.text("ETag")?.unquoted ?? "",
                    lastModified: entry.text("LastModified").flatMap { Timestamp.parse($0) })
            },
            commonPrefixes: document.all("CommonPrefixes").map { decoded($0.text("Prefix")) },
            continuation: document.text("IsTruncated") == "true" ? document.text("NextContinuationToken") : nil)
    }

    /// All objects whose keys begin with `prefix`, page by page as they are read.
    public func objects(_ bucket: String, prefix: String = "") -> ObjectListing {
        ObjectListing(client: self, bucket: bucket, prefix: prefix)
    }

    /// An address with which anybody may do one thing for a while.
    ///
    /// - Parameters:
    ///   - method: `GET`, `PUT`, `HEAD` or `DELETE`.
    ///   - expires: how long, at most seven days.
    ///   - query: such as `response-content-disposition`.
    ///   - headers: fields that must be sent with it as given, such as `Content-Type` or `x-amz-meta-…`.
    ///   - endpoint: the storage's address as others see it, if that is another one than ours.
    public func presign(
        _ method: String, _ bucket: String, _ key: String, expires: Duration, query: [(String, String)] = [],
        headers: [(String, String)] = [], endpoint: String? = nil
    ) throws -> URL {
        let endpoint = endpoint ?? configuration.endpoint
        let seconds = min(max(1, Int(expires.components.seconds)), 7 * 24 * 3600)
        let path = Call(method: method, bucket: bucket, key: key).path
        let signed = SignatureV4.presignedQuery(
            method: method, host: S3Configuration.host(of: endpoint), path: path,
            query: query.map { (name: $0.0, value: $0.1) }, headers: headers.map { (name: $0.0, value: $0.1) },
            credentials: configuration.credentials, region: configuration.region, date: now(), expires: seconds)
        guard let url = URL(string: "\(endpoint)\(path)?\(signed)") else {
            throw ConfigurationError("S3_PUBLIC_ENDPOINT", is: endpoint, write: Form.endpoint.words)
        }
        return url
    }
}

/// The objects of a bucket, fetched page by page.
public struct ObjectListing: AsyncSequence, Sendable {
    /// An object.
    public typealias Element = ObjectSummary
    let client: S3Client
    let bucket: String
    let prefix: String

    /// Starts at the first key.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(listing: self) }

    /// Reads the pages one after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let listing: ObjectListing
        private var page: [ObjectSummary] = []
        private var continuation: String?
        private var isLast = false

        init(listing: ObjectListing) { self.listing = listing }

        /// The next object, `nil` after the last.
        public mutating func next() async throws -> ObjectSummary? {
            while page.isEmpty {
                guard !isLast else { return nil }
                let next = try await listing.client.list(
                    listing.bucket, prefix: listing.prefix, continuation: continuation)
                page = next.objects.reversed()
                continuation = next.continuation
                isLast = continuation == nil
            }
            return page.popLast()
        }
    }
}
