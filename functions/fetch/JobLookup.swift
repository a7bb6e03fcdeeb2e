import Foundation
import FunctionClients
import FunctionHost
import Jobs
import Logging
import ObjectStorage
import ServiceContract

/// Finds out about a job: from Redis, and from the buckets when Redis does not know or cannot be asked.
struct JobLookup: Sendable {
    let storage: StorageAccess
    let queue: QueueAccess
    /// Who asks. What is not theirs to see is not there for them.
    let viewer: Viewer
    let logger: Logger

    /// What there is of a job.
    enum Found: Sendable {
        case queued(JobOutlook)
        case manifest(Manifest)
        case object(JobStatus, owner: String?)

        var owner: String? {
            switch self {
            case .queued(let outlook): outlook.job.owner
            case .manifest(let manifest): manifest.owner
            case .object(_, let owner): owner
            }
        }
    }

    /// - Throws: a 404 ``Problem`` when nobody knows the job.
    func status(of id: JobID) async throws -> JobStatus {
        var status =
            switch try await find(id) {
            case .queued(let outlook): self.status(outlook)
            case .manifest(let manifest): JobStatus(manifest)
            case .object(let status, _): status
            }
        // Where the owner keeps songs, and whom he tells of them, is no guest's business.
        if case .guest = viewer {
            (status.bucket, status.key, status.callbacks) = (nil, nil, nil)
            status.options?.callback = nil
        }
        return status
    }

    /// The one way to a job for every route.
    ///
    /// - Throws: a 404 ``Problem`` when nobody knows the job, and the same one when it is another's.
    func find(_ id: JobID) async throws -> Found {
        let found = try await look(for: id)
        guard viewer.maySee(id, ownedBy: found.owner) else { throw Problem.noJob(id.description) }
        return found
    }

    private func look(for id: JobID) async throws -> Found {
        var isRedisAway = false
        do {
            if let outlook = try await queue.jobs.outlook(for: id) { return .queued(outlook) }
        } catch let error as RedisError {
            logger.warning("the queue is not available", metadata: ["error": .string("\(error)")])
            isRedisAway = true
        }
        return try await withServiceProblems(logger) {
            if let manifest = try await manifest(of: id) { return .manifest(manifest) }
            if case (var status, let owner)? = try await uploaded(id) {
                if isRedisAway {
                    status.warnings.append(
                        "The job queue cannot be asked at the moment; the job may be further than this.")
                }
                return .object(status, owner: owner)
            }
            // A job whose song came in under a key without an id can be known to Redis alone.
            if isRedisAway {
                throw Problem.unavailable("The job queue cannot be reached at the moment; try again in a few seconds.")
            }
            throw Problem.noJob(id.description)
        }
    }

    private func manifest(of id: JobID) async throws -> Manifest? {
        do {
            let object = try await storage.client.get(storage.outputBucket, Manifest.key(of: id))
            return try Manifest(json: try await object.body.collect(limit: 1 << 20))
        } catch let error as S3Error where error.isNotFound {
            return nil
        }
    }

    private func uploaded(_ id: JobID) async throws -> (JobStatus, owner: String?)? {
        // The song, and what may lie beside it.
        let page = try await storage.client.list(
            storage.queueBucket, prefix: "\(id)/", limit: SongCompanion.allCases.count + 1)
        guard let object = page.objects.first(where: { !SongCompanion.isAt($0.key) }) else {
            return try await awaited(id, among: page.objects.map(\.key))
        }
        guard let head = try await storage.client.head(storage.queueBucket, object.key) else { return nil }
        let filename = object.key.unicodeScalars.split(separator: "/").last.map { String($0) } ?? object.key
        let metadata = try await LateOptions.metadata(
            of: head, object.key, client: storage.client, bucket: storage.queueBucket)
        var status = JobStatus(
            id, state: .uploaded, filename: filename, options: try? JobOptions(metadata: metadata))
        (status.bucket, status.key, status.createdAt) = (storage.queueBucket, object.key, head.lastModified)
        return (status, head.metadata[Job.ownerMetadata])
    }

    /// A job whose song may still come to a presigned address.
    private func awaited(_ id: JobID, among keys: [String]) async throws -> (JobStatus, owner: String?)? {
        let place = "\(id)/\(SongCompanion.awaited.rawValue)"
        guard keys.contains(place), let head = try await storage.client.head(storage.queueBucket, place),
            let song = AwaitedSong(metadata: head.metadata), song.end > Date()
        else { return nil }
        let status = JobStatus(
            id, state: .awaitingUpload, filename: song.filename, options: try? JobOptions(metadata: head.metadata))
        return (status, head.metadata[Job.ownerMetadata])
    }

    /// What Redis knows, with the place in the queue and the time that is left.
    private func status(_ outlook: JobOutlook) -> JobStatus {
        let (job, pace) = (outlook.job, outlook.pace)
        var status = JobStatus(job)
        if !outlook.callbacks.isEmpty { status.callbacks = outlook.callbacks }
        switch job.state {
        case .queued:
            status.position = outlook.position
            status.etaSeconds = outlook.position.flatMap { pace.wait(position: $0, workers: outlook.workers) }
            guard outlook.workers == 0 else { break }
            status.reason =
                outlook.isScalingPaused
                ? "No worker runs, and scaling is paused; the song is begun once the operator lets workers run."
                : "No worker runs at the moment; the song is begun as soon as one does."
        case .running: status.etaSeconds = pace.left(of: job, now: Date())
        default: break
        }
        return status
    }
}
