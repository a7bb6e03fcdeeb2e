import Foundation
import HTTPServer
import Hummingbird
import Logging
import ObjectStorage
import Observability

/// The operations of S3 that this server has. It chooses one by method, path and query.
struct S3Service: Sendable {
    let catalog: Catalog
    let authenticator: Authenticator
    let region: String
    let origin: String
    let deploymentID: String
    let space: Space
    let deliveries: [EventDelivery]
    let rules: ConnectionRules
    let metrics: PrometheusRegistry
    let now: @Sendable () -> Date

    /// The largest document that a request may carry.
    static let documentLimit = 4 << 20
    /// The largest object, as S3 says: 5 TiB.
    static let objectLimit = 5 << 40

    func answer(_ request: S3Request, _ body: RequestBody, _ context: StorageContext) async throws -> Response {
        if request.path.hasPrefix("/minio/") { return try await admin(request, body) }
        // A browser's form is signed in its fields, which nobody reads here: to say that it lacks a signature would be untrue.
        if request.isBrowserForm { throw S3Failure.formUpload }
        let payload = try authenticator.authenticate(request, now: now())
        try refuseUnsupported(request)
        let call = Call(request: request, payload: payload, body: body, context: context)
        guard let bucket = request.bucket else {
            guard request.method == "GET" else { throw S3Failure.methodNotAllowed }
            return try await listBuckets()
        }
        guard let key = request.key else { return try await answer(call, bucket) }
        guard key.utf8.count <= 1024 else { throw S3Failure.keyTooLong }
        return try await answer(call, bucket, key)
    }

    /// An authenticated request.
    struct Call: Sendable {
        var request: S3Request
        var payload: Authenticator.Payload
        var body: RequestBody
        var context: StorageContext

        /// Reads the body into memory or a file, and checks it.
        func receive(into target: BodyReceiver.Target) async throws -> BodyReceiver.Received {
            let receiver = try BodyReceiver(request, payload, into: target)
            if request.header("expect")?.lowercased() == "100-continue" { await context.sendContinue() }
            do {
                return try await receiver.receive(body)
            } catch {
                if case .file(let file, _, _) = target { await file.remove() }
                throw error
            }
        }

        /// Reads a body that is a document, and checks it.
        func document() async throws -> XMLTree {
            let received = try await receive(into: .memory(limit: S3Service.documentLimit))
            do {
                return try XMLTree(parsing: received.data)
            } catch {
                throw S3Failure.malformedXML
            }
        }
    }

    // MARK: - Choosing

    private func answer(_ call: Call, _ bucket: String) async throws -> Response {
        let request = call.request
        let names = Set(request.query.map(\.name))
        switch request.method {
        case "GET" where names.contains("location"): return try await location(bucket)
        case "GET" where names.contains("notification"): return try await notification(bucket)
        case "GET" where names.contains("lifecycle"): return try await expiry(bucket)
        case "GET" where names.contains("uploads"): return try await listUploads(request, bucket)
        case "GET" where names.contains("versioning"): return try await versioning(bucket)
        case "GET":
            if let missing = Self.missingConfiguration(names) {
                try await catalog.checkBucket(bucket)
                throw missing
            }
            try refuseSubresources(names)
            return try await list(request, bucket)
        case "HEAD":
            try await catalog.checkBucket(bucket)
            return .empty()
        case "PUT" where names.contains("notification"): return try await setNotification(call, bucket)
        case "PUT" where names.contains("lifecycle"): return try await setExpiry(call, bucket)
        case "DELETE" where names.contains("lifecycle"): return try await removeExpiry(bucket)
        case "PUT":
            try refuseSubresources(names)
            try await catalog.createBucket(bucket)
            return .empty().with("Location", "/\(bucket)")
        case "DELETE":
            try refuseSubresources(names)
            try await catalog.deleteBucket(bucket)
            return .empty(204)
        case "POST" where names.contains("delete"): return try await deleteMany(call, bucket)
        default: throw S3Failure.methodNotAllowed
        }
    }

    private func answer(_ call: Call, _ bucket: String, _ key: String) async throws -> Response {
        let request = call.request
        let names = Set(request.query.map(\.name))
        let upload = request.query("uploadId")
        switch request.method {
        case "GET" where upload != nil: return try await listParts(request, bucket, key, upload ?? "")
        case "GET" where names.contains("tagging"): return try await tagging(bucket, key)
        case "GET", "HEAD":
            try refuseSubresources(names)
            return try await read(request, bucket, key)
        case "PUT" where upload != nil && request.header("x-amz-copy-source") != nil:
            return try await copyPart(request, bucket, key, upload ?? "")
        case "PUT" where upload != nil: return try await putPart(call, bucket, key, upload ?? "")
        case "PUT" where request.header("x-amz-copy-source") != nil:
            return try await copy(request, bucket, key)
        case "PUT":
            try refuseSubresources(names)
            return try await put(call, bucket, key)
        case "DELETE" where upload != nil: return try await abortUpload(bucket, key, upload ?? "")
        case "DELETE":
            try refuseSubresources(names)
            return try await delete(request, bucket, key)
        case "POST" where names.contains("uploads"): return try await createUpload(request, bucket, key)
        case "POST" where upload != nil: return try await completeUpload(call, bucket, key, upload ?? "")
        default: throw S3Failure.methodNotAllowed
        }
    }

    // MARK: - What is not there

    /// Fields that would change what an operation does, had we the feature.
    private func refuseUnsupported(_ request: S3Request) throws {
        for (name, _) in request.headers
        where name.hasPrefix("x-amz-server-side-encryption") || name.hasPrefix("x-amz-object-lock")
            || name == "x-amz-tagging"
        {
            throw S3Failure.notImplemented
        }
    }

    private func refuseSubresources(_ names: Set<String>) throws {
        let known: Set = [
            "acl", "attributes", "cors", "encryption", "legal-hold", "lifecycle", "logging", "object-lock", "policy",
            "replication", "restore", "retention", "select", "tagging", "torrent", "versioning", "versions", "website",
        ]
        guard known.isDisjoint(with: names) else { throw S3Failure.notImplemented }
    }

    /// The answers that a bucket without such a configuration gives.
    private static func missingConfiguration(_ names: Set<String>) -> S3Failure? {
        let codes = [
            "policy": "NoSuchBucketPolicy", "tagging": "NoSuchTagSet", "cors": "NoSuchCORSConfiguration",
            "object-lock": "ObjectLockConfigurationNotFoundError",
            "encryption": "ServerSideEncryptionConfigurationNotFoundError",
        ]
        return names.compactMap { codes[$0] }.first.map { S3Failure(404, $0, "The configuration does not exist.") }
    }

    /// What an event tells of its cause.
    func event(_ name: String, _ request: S3Request) -> EventContext {
        EventContext(
            name: name, accessKey: authenticator.credentials.accessKey, remoteAddress: request.remoteAddress,
            userAgent: request.header("user-agent") ?? "", requestID: request.id, deploymentID: deploymentID,
            origin: origin)
    }
}
