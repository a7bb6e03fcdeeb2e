import Foundation
import FunctionClients
import FunctionHost
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceContract

/// `POST /upload`: stores a song in the queue's bucket; the bucket's notification does the rest.
///
/// The song streams from the client into the storage. Redis has no part in it but for the queue's length: what is stored is
/// accepted.
public struct UploadFunction: Function {
    /// The bytes of `function.yaml`.
    public static var manifest: [UInt8] { PackageResources.function_yaml }

    private let storage: StorageAccess
    private let presignedFor: Duration
    private let queueLimit: QueueLimit?

    /// An upload function that stores through `storage`; presigned URLs are good for `presignedFor`. With a `queueLimit`
    /// songs are refused while so many wait.
    public init(
        storage: StorageAccess, presignedFor: Duration = .seconds(3600),
        queueLimit: (songs: Int, gauge: QueueGauge)? = nil
    ) {
        self.storage = storage
        self.queueLimit = queueLimit.map { QueueLimit(limit: $0.songs, gauge: $0.gauge) }
        self.presignedFor = presignedFor
    }

    /// Reads what the storage needs, and `MSAAS_QUEUE_LIMIT`.
    public init(environment: FunctionEnvironment) throws {
        storage = try StorageAccess(environment: environment)
        presignedFor = .seconds(3600)
        queueLimit = try QueueLimit(environment: environment)
    }

    /// What the function cannot do without.
    public var readinessChecks: [ReadinessCheck] { [storage.readinessCheck] }

    /// Stores the song of one request, or answers with a presigned URL.
    public func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        var options = OptionFields()
        for item in request.query.items where item.name != "filename" && item.name != "presign" {
            try options.add(item.name, item.value)
        }
        _ = try options.validated()
        try await queueLimit?.check()
        if try isPresign(request) { return try presign(request, options: options.validated()) }
        guard request.body.declaredLength != 0 else { throw Problem.emptySong }
        let song = try await SongSource(request, options: options)
        return try await store(song, context: context)
    }

    private func store(_ song: SongSource, context: FunctionContext) async throws -> FunctionResponse {
        let job = JobID.random()
        let stored = try await withServiceProblems(context.logger) {
            try await storage.client.put(
                storage.queueBucket, "\(job)/\(song.filename)", body: .stream(song.stream, length: song.length),
                contentType: song.contentType, metadata: song.options.metadata)
        }
        context.logger.info(
            "stored", metadata: ["job": .string(job.description), "size": .stringConvertible(stored.size)])
        let links = JobLinks(job)
        return try .json(
            status: 202, headers: [.location: links.status],
            Accepted(job: job, state: .uploaded, filename: song.filename, size: stored.size, links: links))
    }

    private func isPresign(_ request: FunctionRequest) throws -> Bool {
        switch request.query["presign"] {
        case nil, "0", "false": return false
        case "1", "true", "": return true
        case let value?:
            throw Problem(InvalidOption(name: "presign", value: value, rule: "it must be 1 or 0"))
        }
    }

    private func presign(_ request: FunctionRequest, options: JobOptions) throws -> FunctionResponse {
        let job = JobID.random()
        let name = request.query["filename"].map { SongName($0) } ?? SongName.fallback(contentType: nil)
        var headers = [("Content-Type", name.contentType ?? "application/octet-stream")]
        for (key, value) in options.metadata.sorted(by: { $0.key < $1.key }) {
            headers.append(("x-amz-meta-\(key)", value))
        }
        let url = try storage.client.presign(
            "PUT", storage.queueBucket, "\(job)/\(name.text)", expires: presignedFor, headers: headers,
            endpoint: storage.publicEndpoint)
        let expires = Date() + Double(presignedFor.components.seconds)
        return try .json(
            headers: [.cacheControl: "no-store"],
            Presigned(
                job: job, method: "PUT", url: url.absoluteString,
                headers: Dictionary(headers, uniquingKeysWith: { $1 }), expires: expires, links: JobLinks(job)))
    }
}

/// The answer to an upload.
struct Accepted: Codable {
    var job: JobID
    var state: JobState
    var filename: String
    var size: Int
    var links: JobLinks
}

/// The answer with a presigned URL: put the song there with these headers.
struct Presigned: Codable {
    var job: JobID
    var method: String
    var url: String
    var headers: [String: String]
    var expires: Date
    var links: JobLinks
}

extension Problem {
    static let emptySong = Problem(
        "empty-body", title: "There is no song", status: 400,
        detail: "The request has no song in it, or an empty one; send the audio file as the body or as a form's file.")
}
