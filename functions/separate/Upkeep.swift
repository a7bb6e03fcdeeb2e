public import EnvironmentSettings
import Foundation
import FunctionClients
import Jobs
import Logging
import ObjectStorage
import Observability
import Pacing
import ServiceContract
import ServiceLifecycle

/// How often `separate` looks after what no notification brings.
public struct UpkeepSchedule: Sendable {
    /// How often jobs of lost workers are looked for.
    public var recoverEvery: Duration = .seconds(5)
    /// How often the queue bucket is searched for songs that no job knows. One host does it for all.
    public var sweepEvery: Duration = .seconds(60)
    /// How long a song must have been in the bucket before the search counts it as forgotten.
    public var sweepAge: Duration = .seconds(60)

    /// The usual schedule.
    public init() {}
}

/// What the environment says of `separate`.
public struct SeparateSettings: Configurable {
    /// The bearer token that the webhook shows; nil to demand an API key.
    public var token: String?
    /// How often it looks after what no notification brings.
    public var schedule = UpkeepSchedule()

    /// No token, the usual schedule.
    public static let usual = SeparateSettings()

    /// The variables.
    public static var settings: [Setting<SeparateSettings>] {
        [
            Setting("WEBHOOK_TOKEN", \.token, .text("a secret of one's own"), otherwise: "none", isSecret: true),
            Setting("MSAAS_RECOVER_SECONDS", \.schedule.recoverEvery, .seconds(0.05...86_400)),
            Setting("MSAAS_SWEEP_SECONDS", \.schedule.sweepEvery, .seconds(0...86_400)),
            Setting("MSAAS_SWEEP_AGE_SECONDS", \.schedule.sweepAge, .seconds(0...86_400)),
        ]
    }
}

/// Puts into the queue what was lost on the way: jobs whose worker is gone, also while there is no other worker to find
/// them, and songs in the bucket whose notification never came.
///
/// A song counts as forgotten once it is old enough, unless its manifest is in the output bucket (then the job is done
/// and merely forgotten by Redis). Songs that are older than the retention are left alone: jobs are forgotten after it,
/// and a song that failed must not come back for ever.
struct Upkeep: Service {
    let storage: StorageAccess
    let queue: QueueAccess
    let schedule: UpkeepSchedule
    let tracer: Tracer
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // Side by side: a long search of the bucket holds no lost job up.
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await repeating { try await recover() } }
                group.addTask {
                    await repeating {
                        if try await queue.jobs.takeTurn(at: "sweep", every: schedule.sweepEvery) { try await sweep() }
                    }
                }
            }
        }
    }

    private func repeating(_ round: () async throws -> Void) async {
        let trouble = RepeatedTrouble()
        repeat {
            do { try await round() } catch {
                if !Task.isCancelled, trouble.isNews(error) { logger.warning("upkeep: \(error)") }
            }
        } while await pause(for: schedule.recoverEvery)
    }

    private func recover() async throws {
        for id in try await queue.jobs.recover(every: schedule.recoverEvery) {
            logger.warning("a lost worker's job was recovered", metadata: ["job": .string(id.description)])
            if try await queue.jobs.job(id)?.state == .dead { try await discardStems(of: id) }
        }
    }

    /// Removes what the attempts of a dead job have stored.
    private func discardStems(of job: JobID) async throws {
        var keys: [String] = []
        for try await object in storage.client.objects(storage.outputBucket, prefix: "\(job)/") {
            keys.append(object.key)
        }
        if !keys.isEmpty { try await storage.client.deleteMany(storage.outputBucket, keys) }
    }

    /// Looks through the bucket once. An object that makes trouble is passed over, and set aside in the end.
    private func sweep() async throws {
        let retention = try await queue.jobs.rules().retention
        var batch: [ObjectSummary] = []
        for try await object in storage.client.objects(storage.queueBucket)
        where isOfAge(object, retention) && !SongCompanion.isAt(object.key) {
            batch.append(object)
            if batch.count == 500 {
                try await admitForgotten(batch)
                batch = []
            }
        }
        try await admitForgotten(batch)
    }

    /// Admits those of `objects` that the queue has never heard of.
    private func admitForgotten(_ objects: [ObjectSummary]) async throws {
        let admission = Admission(storage: storage, queue: queue, tracer: tracer, logger: logger)
        let writes = objects.map {
            ObjectWrite(
                bucket: storage.queueBucket, key: $0.key, eTag: $0.eTag, lastModified: $0.lastModified, size: $0.size)
        }
        for (object, isKnown) in zip(objects, try await queue.jobs.knows(writes)) where !isKnown {
            do {
                guard try await !queue.jobs.isAside(storage.queueBucket, object.key),
                    case .accepted(let accepted) = try await admission.admitInTheEnd(
                        Order(bucket: storage.queueBucket, key: object.key), isSweep: true)
                else { continue }
                logger.warning(
                    "a song without a job was found",
                    metadata: ["job": .string(accepted.job.description), "key": .string(object.key)])
            } catch let error as RedisError {
                // Without the queue there is nothing to be done for any of them.
                throw error
            } catch {
                try Task.checkCancellation()
                logger.warning(
                    "upkeep: an object was passed over",
                    metadata: ["key": .string(object.key.debugDescription), "error": .string("\(error)")])
            }
        }
    }

    private func isOfAge(_ object: ObjectSummary, _ retention: Duration) -> Bool {
        guard let age = object.lastModified.map({ -$0.timeIntervalSinceNow }) else { return false }
        return age >= schedule.sweepAge / .seconds(1) && age < retention / .seconds(1)
    }
}
