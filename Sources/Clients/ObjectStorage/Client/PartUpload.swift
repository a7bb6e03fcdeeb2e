public import HTTPTransport
import Synchronization

/// An upload in parts whose owner sends the parts: nothing is visible before ``complete()``.
public final class PartUpload: Sendable {
    private let client: S3Client
    private let call: S3Client.Call
    private let id: String
    private let sent = Mutex<(tags: [String], size: Int)>(([], 0))

    init(client: S3Client, call: S3Client.Call, id: String) {
        self.client = client
        self.call = call
        self.id = id
    }

    /// Sends the next part; one after the other. All but the last must have at least 5 MiB.
    public func put(_ part: HTTPBody) async throws {
        let number = sent.withLock { $0.tags.count + 1 }
        let tag = try await client.putPart(call, part, number: number, upload: id)
        sent.withLock {
            $0.tags.append(tag)
            $0.size += part.length ?? 0
        }
    }

    /// Makes the object of the parts.
    public func complete() async throws -> PutResult {
        let (tags, size) = sent.withLock { $0 }
        return PutResult(eTag: try await client.completeUpload(call, id, tags), size: size)
    }

    /// Drops the parts. In a task of its own, which is not cancelled with ours: what is left behind costs space for ever.
    public func abort() async {
        await Task { [client, call, id] in
            try? await client.abortUpload(call.bucket ?? "", call.key ?? "", id)
        }.value
    }
}

extension S3Client {
    /// Begins an object that is sent in parts.
    ///
    /// - Parameters:
    ///   - metadata: user metadata; names without `x-amz-meta-`, values in ASCII.
    ///   - onlyIfAbsent: as ``put(_:_:body:contentType:metadata:onlyIfAbsent:)`` has it; told when the parts are complete.
    public func beginUpload(
        _ bucket: String, _ key: String, contentType: String, metadata: [String: String] = [:],
        onlyIfAbsent: Bool = false
    ) async throws -> PartUpload {
        var call = Call(method: "PUT", bucket: bucket, key: key, headers: ["Content-Type": contentType])
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) { call.headers["x-amz-meta-\(name)"] = value }
        // In a task of its own, which is not cancelled with ours: an upload whose id is lost could not be aborted.
        let begun = call
        let id = try await Task { try await createUpload(begun) }.value
        if onlyIfAbsent { call.headers["If-None-Match"] = "*" }
        return PartUpload(client: self, call: call, id: id)
    }
}
