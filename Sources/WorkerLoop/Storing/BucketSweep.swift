import Foundation
import Jobs
import Logging
import ObjectStorage

/// Enqueues songs that are in the queue bucket although no job knows them: their notification was lost.
///
/// A song counts as forgotten once it has been there for the sweep's age, unless its manifest is in the output bucket
/// (then the job is done and merely forgotten by Redis). Songs that are older than the retention are left alone: jobs
/// are forgotten after it, and a song that failed must not come back for ever.
struct BucketSweep: Sendable {
    let queue: any JobQueue
    let storage: S3Client
    let configuration: WorkerConfiguration
    let retention: Duration
    let logger: Logger

    /// Looks through the bucket once.
    ///
    /// - Returns: the jobs that were enqueued.
    func run() async throws -> [JobID] {
        var found: [JobID] = []
        let bucket = configuration.queueBucket
        for try await object in storage.objects(bucket) where isOfAge(object) && !object.key.hasSuffix("/") {
            var job = Job(bucket: bucket, key: object.key, eTag: object.eTag)
            guard try await queue.job(job.id) == nil,
                try await storage.head(configuration.outputBucket, Manifest.key(of: job.id)) == nil,
                let head = try await storage.head(bucket, object.key)
            else { continue }
            do throws(InvalidOption) {
                job.options = try JobOptions(metadata: head.metadata)
            } catch {
                try await queue.reject(job, reason: error.description)
                continue
            }
            guard case .enqueued = try await queue.enqueue(job) else { continue }
            logger.warning("a song without a job was found", metadata: ["job": "\(job.id)", "key": "\(object.key)"])
            found.append(job.id)
        }
        return found
    }

    private func isOfAge(_ object: ObjectSummary) -> Bool {
        guard let age = object.lastModified.map({ -$0.timeIntervalSinceNow }) else { return false }
        return age >= configuration.sweepAge / .seconds(1) && age < retention / .seconds(1)
    }
}
