import EnvironmentSettings
import Foundation
import FunctionClients
import FunctionHost
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceContract

/// `POST /upload`: stores a song in the queue's bucket; the bucket's notification does the rest. `GET /upload` tells what a song may
/// be separated with.
///
/// The song streams from the client into the storage (``SongUpload`` says how). Redis has no part in it but for the queue's
/// length: what is stored is accepted.
public struct UploadFunction: Function {
    /// The bytes of `function.yaml`.
    public static var manifest: [UInt8] { PackageResources.function_yaml }

    let storage: StorageAccess
    private let presignedFor: Duration
    private let queueLimit: QueueLimit?
    private let queue: QueueAccess?
    private let budget: MemoryBudget
    private let takesPlainCallbacks: Bool

    /// An upload function that stores through `storage`; presigned URLs are good for `presignedFor`. With a `queueLimit`
    /// songs are refused while so many wait, with a `queue` those of an owner who has used what it may. Pieces of songs that have to be held take up to `memory` bytes together.
    public init(
        storage: StorageAccess, presignedFor: Duration = .seconds(3600),
        queueLimit: (songs: Int, gauge: QueueGauge)? = nil, queue: QueueAccess? = nil, memory: Int = 24 << 20
    ) {
        self.storage = storage
        self.queue = queue
        takesPlainCallbacks = false
        budget = MemoryBudget(bytes: memory)
        self.queueLimit = queueLimit.map { QueueLimit(limit: $0.songs, gauge: $0.gauge) }
        self.presignedFor = presignedFor
    }

    /// Reads ``UploadSettings``, and what storage and queue need.
    public init(environment: FunctionEnvironment) throws {
        let settings = try UploadSettings.reading(environment.variables)
        budget = MemoryBudget(bytes: settings.memory)
        takesPlainCallbacks = settings.reachesPrivate
        storage = try StorageAccess(environment: environment)
        presignedFor = .seconds(3600)
        queueLimit = try QueueLimit(songs: settings.queueLimit, environment: environment)
        queue = environment.keys == nil ? nil : try QueueAccess(environment: environment)
    }

    /// What the function cannot do without.
    public var readinessChecks: [ReadinessCheck] { [storage.readinessCheck] }

    /// Stores the song of one request, or answers with a presigned URL.
    public func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        let offers = await queueLimit?.gauge.reading()?.offers
        guard request.method == "POST" else {
            return try .json(headers: [.cacheControl: "no-cache"], OfferedModelList(offers))
        }
        var options = OptionFields()
        options.takesPlainCallbacks = takesPlainCallbacks
        options.offers = offers
        for item in request.query.items where !["filename", "presign", "multiple"].contains(item.name) {
            try options.add(item.name, item.value)
        }
        _ = try options.validated()
        try SongSource.check(request.headers)
        let once = try Idempotency(request, owner: context.caller.name, storage: storage)
        if let once, try !isSet("presign", request),
            let stored = try await withServiceProblems(context.logger, { try await once.stored() })
        {
            try await once.compare(try await SongSource(request, options: options), with: stored)
            return try Self.accepted(once.job, stored.filename, stored.size, isReplay: true)
        }
        try await queueLimit?.check()
        try await checkQuota(of: context.caller, bytes: request.body.declaredLength ?? 0, context)
        // What a form has besides its file is short; the file's own bytes are counted as they come.
        try context.caller.budget.check(bytes: (request.body.declaredLength ?? 0) - FormReader.tailLimit)
        if try isSet("presign", request) {
            // The options of a form would count for nothing, without a word.
            guard request.body.declaredLength == 0 else {
                throw Problem.badRequest(
                    "With presign there is no body: give options in the query, and put the song to the address that is answered."
                )
            }
            return try await presign(request, once?.job ?? .random(), options: options.validated(), context: context)
        }
        guard request.body.declaredLength != 0 else { throw Problem.emptySong }
        if try isSet("multiple", request) {
            guard once == nil else {
                throw Problem.badRequest("Idempotency-Key is for one song; send each in a request of its own.")
            }
            return try await storeSeveral(request, options: options, context: context)
        }
        let song = try await SongSource(request, options: options)
        return try await store(song, once, context: context)
    }

    private func store(
        _ song: SongSource, _ once: Idempotency?, context: FunctionContext
    ) async throws -> FunctionResponse {
        let job = once?.job ?? JobID.random()
        let store = songUpload(for: context.caller, isOnce: once != nil)
        let (size, digest) = try await context.tracer.span(
            "upload", of: context.trace, kind: .producer, attributes: ["msaas.job": .text("\(job)")]
        ) { place in
            try await withServiceProblems(context.logger) {
                do {
                    return try await storage.storing {
                        try await store.store(
                            song, as: "\(job)/\(song.filename)",
                            metadata: Self.ownership(of: context.caller)
                                .merging([Job.traceMetadata: place.traceparent]) { $1 })
                    }
                } catch let error as S3Error where once != nil && error.status == 412 {
                    throw Problem.beingStored
                }
            }
        }
        if let once, let digest {
            try await withServiceProblems(context.logger) { try await once.note(song, size: size, digest: digest) }
        }
        context.logger.info(
            "stored", metadata: ["job": .string(job.description), "size": .stringConvertible(size)])
        return try Self.accepted(job, song.filename, size, isReplay: false)
    }

    func songUpload(for caller: Caller, isOnce: Bool = false) -> SongUpload {
        SongUpload(
            client: storage.client, bucket: storage.queueBucket, budget: budget, limits: caller.budget, isOnce: isOnce)
    }

    private static func accepted(
        _ job: JobID, _ filename: String, _ size: Int, isReplay: Bool
    ) throws -> FunctionResponse {
        var headers: HTTPFields = [.location: JobLinks(job).status]
        if isReplay { headers[HTTPField.Name("Idempotency-Replayed")!] = "true" }
        return try .json(status: 202, headers: headers, AcceptedUpload(job: job, filename: filename, size: size))
    }

    /// The metadata by which an object is its uploader's.
    static func ownership(of caller: Caller) -> [String: String] {
        caller.name.map { [Job.ownerMetadata: $0] } ?? [:]
    }

    /// Refuses a song before its bytes are received when its owner has used what it may. While nobody knows, it is let in:
    /// the bucket keeps it, and the queue asks again.
    private func checkQuota(of caller: Caller, bytes: Int, _ context: FunctionContext) async throws {
        guard case .key(let key) = caller, let queue, key.quota.isLimited else { return }
        do {
            if let quota = try await queue.jobs.quota(of: key.name, under: queue.policy(key.name), bytes: bytes) {
                throw Problem(quota)
            }
        } catch let error as RedisError {
            context.logger.warning("the quota is not known", metadata: ["error": .string("\(error)")])
        }
    }

    private func isSet(_ name: String, _ request: FunctionRequest) throws -> Bool {
        switch request.query[name] {
        case nil, "0", "false": return false
        case "1", "true", "": return true
        case let value?: throw Problem(InvalidOption(name: name, value: value, rule: "it must be 1 or 0"))
        }
    }

    private func presign(
        _ request: FunctionRequest, _ job: JobID, options: JobOptions, context: FunctionContext
    ) async throws -> FunctionResponse {
        let name = request.query["filename"].map { SongName($0) } ?? SongName.fallback(contentType: nil)
        var headers = [("Content-Type", name.contentType ?? "application/octet-stream")]
        // Each has to be sent along, so what is as usual is not among them.
        var metadata = options.unusualMetadata.merging(Self.ownership(of: context.caller)) { $1 }
        // Its header must then be sent along; who does not trace is not asked to.
        if context.trace.parentID != nil {
            metadata[Job.traceMetadata] = context.trace.traceparent
        }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            headers.append(("x-amz-meta-\(key)", value))
        }
        let url = try storage.client.presign(
            "PUT", storage.queueBucket, "\(job)/\(name.text)", expires: presignedFor, headers: headers,
            endpoint: storage.publicEndpoint)
        let expires = Date() + Double(presignedFor.components.seconds)
        let awaited = AwaitedSong(filename: name.text, end: expires).metadata.merging(metadata) { $1 }
        try await withServiceProblems(context.logger) {
            _ = try await storage.storing {
                try await storage.client.put(
                    storage.queueBucket, SongCompanion.awaited.key(of: job), body: .empty, metadata: awaited)
            }
        }
        return try .json(
            headers: [.cacheControl: "no-store"],
            PresignedUpload(
                job: job, url: url.absoluteString, headers: Dictionary(headers, uniquingKeysWith: { $1 }),
                expires: expires))
    }
}

/// What the environment says of `upload`.
public struct UploadSettings: Configurable {
    /// Uploads are refused while so many songs wait; 0: never.
    public var queueLimit = 10_000
    /// Bytes that pieces of songs which have to be held may take together.
    public var memory = 24 << 20
    /// Whether callbacks may go to private addresses, and by plain HTTP.
    public var reachesPrivate = false

    /// The usual limits.
    public static let usual = UploadSettings()

    /// The variables.
    public static var settings: [Setting<UploadSettings>] {
        [
            Setting("MSAAS_QUEUE_LIMIT", \.queueLimit, .whole(0...1_000_000)),
            Setting("MSAAS_PRIVATE_CALLBACKS", \.reachesPrivate, .flag),
            Setting("MSAAS_UPLOAD_MEMORY", \.memory, .size(atLeast: SongUpload.pieceSize)),
        ]
    }
}

/// Refuses songs while too many wait already. The count is up to a second old, so a few more may come in; when nobody knows how many wait, they are let in: the bucket keeps them.
struct QueueLimit: Sendable {
    /// The most songs that may wait.
    let limit: Int
    let gauge: QueueGauge

    init(limit: Int, gauge: QueueGauge) {
        self.limit = limit
        self.gauge = gauge
    }

    /// A limit of so many songs (nil where that is 0), with what the queue needs.
    init?(songs limit: Int, environment: FunctionEnvironment) throws {
        guard limit > 0 else { return nil }
        let queue = try QueueAccess(environment: environment)
        self.init(
            limit: limit,
            gauge: try environment.shared { QueueGauge(queue: queue, logger: environment.logger) })
    }

    /// - Throws: a 429 ``Problem`` with `Retry-After` and the expected wait while the queue is full.
    func check() async throws {
        guard let reading = await gauge.reading(), reading.waiting >= limit else { return }
        throw Problem.queueFull(reading, limit: limit)
    }
}

extension Caller {
    /// What the songs of the sender may take.
    fileprivate var budget: SongBudget { if case .key(let key) = self { key.budget } else { SongBudget() } }
}

extension Problem {
    static func queueFull(_ reading: QueueGauge.Reading, limit: Int) -> Problem {
        // Until there is a place again; not for ever, and not at once.
        let pause = Int(min(max(reading.wait(for: reading.waiting - limit + 1) ?? 30, 1), 600))
        var problem = Problem(
            .queueFull, detail: "",
            extensions: ["waiting": .int(reading.waiting), "limit": .int(limit)],
            headers: [.retryAfter: String(pause)])
        problem.detail = "About \(reading.waiting) songs wait already, and about \(limit) may. "
        if let wait = reading.wait(for: reading.waiting + 1) {
            problem.extensions["expectedWaitSeconds"] = .int(Int(wait))
            problem.detail += "A song sent now would be done in about \(Int(wait)) s. "
        }
        problem.detail += "Send it again in \(pause) s."
        return problem
    }
}
