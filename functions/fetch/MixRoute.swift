import Foundation
import FunctionClients
import FunctionHost
import HTTPTransport
import Logging
import NIOCore
import ObjectStorage
import ServiceContract
import Streams

extension FetchFunction {
    /// Tracks of a job added up, rendered while they are sent, and kept for whoever wants the same once more.
    ///
    /// What lies beyond full scale in the sum is limited to it: a mix is never made quieter by itself, so that parts of it fit together.
    func mix(of id: JobID, _ request: FunctionRequest, _ context: FunctionContext) async throws -> FunctionResponse {
        let finished = try await finishedJob(id, context)
        let order =
            request.method == "POST"
            ? try MixOrder(json: try await request.body.collect(upTo: 64 << 10)) : try MixOrder(query: request.query)
        let plan = try MixPlan(order, of: finished)
        let cache = MixCache(storage: storage, job: id, most: settings.keptMixes, logger: context.logger)
        var headers: HTTPFields = [
            .contentType: plan.format.audio.name.contentType,
            .cacheControl: "private, no-cache",
            .contentDisposition: ContentDisposition.attachment("\(finished.title) - mix.\(plan.format.rawValue)"),
        ]
        if let kept = try await withServiceProblems(context.logger, { try await cache.find(plan) }) {
            let eTag = plan.format == .wav ? plan.eTag : "\"\(kept.eTag)\""
            return try await portion(of: kept.size, eTag: eTag, request, headers: headers) { range in
                guard request.method != "HEAD" else { return .stream(length: range.count) { _ in } }
                let object = try await withServiceProblems(context.logger) { try await cache.read(plan, kept, range) }
                return .stream(length: range.count) { writer in
                    for try await chunk in object.body { try await writer.write(chunk) }
                }
            }
        }
        guard plan.format == .wav else {
            headers[.eTag] = "W/\(plan.eTag)"
            headers[.acceptRanges] = "none"
            return FunctionResponse(
                headers: headers,
                body: try await rendering(plan.tracks, as: plan.shape, of: id, request, context, keep: (cache, plan)))
        }
        return try await portion(of: plan.shape.wave.size, eTag: plan.eTag, request, headers: headers) { range in
            var shape = plan.shape
            let isWhole = range.count == shape.wave.size
            shape.part = isWhole ? nil : range
            return try await rendering(
                plan.tracks, as: shape, of: id, request, context, keep: isWhole ? (cache, plan) : nil)
        }
    }
}

extension MixPlan {
    /// Of a WAV, whose bytes follow from the plan.
    var eTag: String { "\"\(digest.prefix(32))\"" }
}

/// Mixes that were rendered, beside the stems of their job: `{job}/mixes/{digest}.{format}`. They go when the job does and expire as
/// stems do; of one job the newest few are kept. Nobody waits for what goes wrong with them.
struct MixCache: Sendable {
    let storage: StorageAccess
    let job: JobID
    /// How many of a job are kept.
    let most: Int
    let logger: Logger

    private var prefix: String { "\(job)/mixes/" }

    fileprivate func key(_ plan: MixPlan) -> String { prefix + "\(plan.digest).\(plan.format.rawValue)" }

    /// A mix that was kept; nil where there is none.
    func find(_ plan: MixPlan) async throws -> ObjectHead? {
        guard most > 0 else { return nil }
        return try await storage.client.head(storage.outputBucket, key(plan))
    }

    /// A range of it.
    func read(_ plan: MixPlan, _ kept: ObjectHead, _ range: Range<Int>) async throws -> S3Object {
        try await storage.client.get(
            storage.outputBucket, key(plan), range: range.isEmpty ? nil : .bytes(range), ifMatch: kept.eTag)
    }

    /// Leaves the newest.
    fileprivate func trim() async throws {
        var mixes: [ObjectSummary] = []
        for try await object in storage.client.objects(storage.outputBucket, prefix: prefix) { mixes.append(object) }
        mixes.sort { ($0.lastModified ?? .distantPast, $0.key) > ($1.lastModified ?? .distantPast, $1.key) }
        let old = mixes.dropFirst(most).map(\.key)
        if !old.isEmpty { try await storage.client.deleteMany(storage.outputBucket, old) }
    }

    fileprivate var isJobThere: Bool {
        get async throws { try await storage.client.head(storage.outputBucket, Manifest.key(of: job)) != nil }
    }
}

/// Stores a mix while it is sent, a part at a time.
struct MixRecording {
    /// The memory that it takes, in tracks of a ``RenderingDesk``.
    static let weight = 6
    private static let partSize = 5 << 20

    private let cache: MixCache
    private let plan: MixPlan
    private var part = ByteBuffer()
    private var upload: PartUpload?
    private var hasFailed = false

    init(_ cache: MixCache, _ plan: MixPlan) {
        self.cache = cache
        self.plan = plan
    }

    private var type: String { plan.format.audio.name.contentType }

    /// Takes the next piece.
    mutating func add(_ piece: ByteBuffer) async {
        guard !hasFailed else { return }
        part.writeImmutableBuffer(piece)
        guard part.readableBytes >= Self.partSize else { return }
        await trying { recording in try await recording.send() }
    }

    /// The mix is complete.
    mutating func finish() async {
        guard !hasFailed else { return }
        await trying { recording in
            // A job that was removed meanwhile shall leave nothing.
            guard try await recording.cache.isJobThere else { return await recording.abort() }
            let storage = recording.cache.storage
            if recording.upload == nil {
                try await storage.client.put(
                    storage.outputBucket, recording.cache.key(recording.plan), body: .bytes(Data(recording.part)),
                    contentType: recording.type)
            } else {
                if recording.part.readableBytes > 0 { try await recording.send() }
                _ = try await recording.upload?.complete()
                recording.upload = nil
            }
            try await recording.cache.trim()
        }
    }

    /// The mix was cut off.
    mutating func abort() async {
        hasFailed = true
        await upload?.abort()
        upload = nil
    }

    private mutating func send() async throws {
        let storage = cache.storage
        let upload: PartUpload
        if let begun = self.upload {
            upload = begun
        } else {
            upload = try await storage.client.beginUpload(storage.outputBucket, cache.key(plan), contentType: type)
            self.upload = upload
        }
        try await upload.put(.bytes(Data(part)))
        part.clear(minimumCapacity: Self.partSize)
    }

    private mutating func trying(_ work: (inout MixRecording) async throws -> Void) async {
        do { try await work(&self) } catch {
            cache.logger.warning("a mix is not kept", metadata: ["error": .string("\(error)")])
            await abort()
        }
    }
}
