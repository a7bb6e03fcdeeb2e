public import EnvironmentSettings
import Foundation
import FunctionClients
import FunctionHost
import Jobs
import ObjectStorage
import ServiceContract

/// `/fetch…`: how jobs are doing, and their stems.
public struct FetchFunction: Function {
    /// The bytes of `function.yaml`.
    public static var manifest: [UInt8] { PackageResources.function_yaml }

    let storage: StorageAccess
    let queue: QueueAccess
    let heartbeat: Duration
    let settings: FetchSettings
    let desk: RenderingDesk

    /// A fetch function; event streams say something at least every `heartbeat`.
    public init(
        storage: StorageAccess, queue: QueueAccess, heartbeat: Duration = .seconds(15),
        settings: FetchSettings = .usual
    ) {
        self.settings = settings
        desk = RenderingDesk(limit: settings.renderedTracks)
        self.storage = storage
        self.queue = queue
        self.heartbeat = heartbeat
    }

    /// Reads ``FetchSettings``, and what the storage and the queue need.
    public init(environment: FunctionEnvironment) throws {
        self.init(
            storage: try StorageAccess(environment: environment), queue: try QueueAccess(environment: environment),
            settings: try FetchSettings.reading(environment.variables))
    }

    /// The storage, which it cannot do without, and Redis, which it can for a while.
    public var readinessChecks: [ReadinessCheck] { [storage.readinessCheck, queue.readinessCheck] }

    /// Answers one question about a job or about all of them.
    public func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        guard let text = request.parameters["job"] else { return try await recent(request, context) }
        guard let id = JobID(text) else { throw Problem.noJob(text) }
        switch request.route {
        case "/fetch/{job}/events": return try await events(of: id, request, context)
        case "/fetch/{job}/mix": return try await mix(of: id, request, context)
        case "/fetch/{job}/peaks": return try await peaks(of: id, request, context)
        case "/fetch/{job}/stems.zip": return try await archive(of: id, context)
        case "/fetch/{job}/{stem}":
            return try await stem(request.parameters["stem"] ?? "", of: id, request, context)
        case _ where request.method == "DELETE": return try await delete(id, context)
        default: return try await status(of: id, context)
        }
    }

    private func recent(_ request: FunctionRequest, _ context: FunctionContext) async throws -> FunctionResponse {
        let limit = request.query["limit"] ?? "20"
        guard let limit = Int(limit), (1...200).contains(limit) else {
            throw Problem.badRequest("limit is “\(limit.prefix(16))”; it must be a whole number from 1 to 200.")
        }
        let jobs = try await withServiceProblems(context.logger) {
            try await queue.jobs.recent(limit: limit, owner: context.caller.viewer.listedOwner)
        }
        // What could not even become a job is shown to those who see everything.
        let aside =
            context.caller.viewer.listedOwner == nil
            ? try await withServiceProblems(context.logger) { try await queue.jobs.listAside() } : []
        return try .json(
            headers: [.cacheControl: "no-store"],
            JobList(jobs: jobs.map { JobStatus($0) }, aside: aside.isEmpty ? nil : aside))
    }

    private func status(of id: JobID, _ context: FunctionContext) async throws -> FunctionResponse {
        let status = try await lookup(context).status(of: id)
        return try .json(headers: [.cacheControl: "no-store"], status)
    }

    func lookup(_ context: FunctionContext) -> JobLookup {
        JobLookup(storage: storage, queue: queue, viewer: context.caller.viewer, logger: context.logger)
    }
}

extension Problem {
    static func noJob(_ id: String) -> Problem {
        .notFound(
            "There is no job “\(id.prefix(64))”; check the id, which an upload answers with, or upload the song again.")
    }
}

/// What the environment says of `fetch`.
public struct FetchSettings: Configurable {
    /// After so long an event stream ends and its client comes again.
    public var streamAge = Duration.seconds(900)
    /// So many tracks are decoded at a time to be sent in another format or in a mix.
    public var renderedTracks = 48
    /// So many mixes of a job are kept, the newest.
    public var keptMixes = 8

    /// The usual ones.
    public static let usual = FetchSettings()

    /// The variables.
    public static var settings: [Setting<FetchSettings>] {
        [
            Setting("MSAAS_EVENTS_AGE", \.streamAge, .time),
            Setting("MSAAS_RENDERED_TRACKS", \.renderedTracks, .whole(1...100_000)),
            Setting("MSAAS_KEPT_MIXES", \.keptMixes, .whole(0...1000)),
        ]
    }
}

extension FetchFunction {
    /// Cancels a job that is not finished; of one that is (or that only the buckets know) everything is removed.
    /// In both cases the song goes, so that nobody finds it and begins again. Repeating it is harmless.
    func delete(_ id: JobID, _ context: FunctionContext) async throws -> FunctionResponse {
        if case .owner = context.caller.viewer { _ = try await lookup(context).find(id) }
        try await withServiceProblems(context.logger) {
            let job = try await queue.jobs.job(id)
            var isCancelling = job.map { $0.state == .queued || $0.state == .running } ?? false
            if isCancelling { isCancelling = try await queue.jobs.cancel(id) == .cancelled }
            var songs = try await keys(storage.queueBucket, below: id)
            if let job, job.bucket == storage.queueBucket, !songs.contains(job.key) { songs.append(job.key) }
            if !songs.isEmpty { try await storage.client.deleteMany(storage.queueBucket, songs) }
            guard !isCancelling else { return }
            // The manifest last: as long as it is there, so is the record that leads back here.
            let stems = try await keys(storage.outputBucket, below: id).filter { $0 != Manifest.key(of: id) }
            if !stems.isEmpty { try await storage.client.deleteMany(storage.outputBucket, stems) }
            try await storage.client.delete(storage.outputBucket, Manifest.key(of: id))
            if job != nil { try await queue.jobs.remove(id) }
        }
        return FunctionResponse(status: 204)
    }

    private func keys(_ bucket: String, below id: JobID) async throws -> [String] {
        var keys: [String] = []
        for try await object in storage.client.objects(bucket, prefix: "\(id)/") { keys.append(object.key) }
        return keys
    }
}
