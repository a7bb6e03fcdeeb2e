import Foundation
public import HTTPServer
public import Jobs
public import Logging
public import ObjectStorage
public import Observability
import Pacing
import ServiceContract
public import ServiceLifecycle
import Synchronization
import Untrusted

/// A worker: claims one job after the other and separates it, and looks after the jobs of workers that are gone.
///
/// It ends on graceful shutdown: it claims no more, finishes its job if the drain period is enough, and else gives it
/// back. It heeds drain marks as ``RedisAutoscalerBoard`` describes them.
public final class Worker: Service {
    /// How long a claim waits for a job before drain marks are looked at again.
    private static let glance = Duration.seconds(1)

    private let configuration: WorkerConfiguration
    private let queue: RedisJobQueue
    private let board: RedisAutoscalerBoard
    private let store: SongStore
    private let separator: any SongSeparator
    private let keeper: LeaseKeeper
    private let drain = Drain()
    private let work: WorkFolder
    private let logger: Logger
    private let trouble = RepeatedTrouble()
    private let metrics: WorkerMetrics
    private let tracer: Tracer
    private let readiness = Mutex(Readiness())

    /// What only the loop knows of whether songs can be worked on.
    private struct Readiness {
        var isStorageAway = false
        var hasOffers = false
    }

    /// A worker; nothing happens before ``run()``.
    ///
    /// - Parameters:
    ///   - metrics: where it counts.
    ///   - tracer: what is told of the parts of its jobs.
    public init(
        configuration: WorkerConfiguration, queue: RedisJobQueue, storage: S3Client, separator: any SongSeparator,
        metrics: PrometheusRegistry = PrometheusRegistry(), tracer: Tracer = Tracer(), logger: Logger
    ) {
        var logger = logger
        logger[metadataKey: "worker"] = "\(configuration.id)"
        self.configuration = configuration
        self.queue = queue
        board = RedisAutoscalerBoard(queue: queue)
        self.separator = separator
        self.logger = logger
        work = WorkFolder(in: configuration.temporaryFolder)
        store = SongStore(storage: storage, outputBucket: configuration.outputBucket)
        keeper = LeaseKeeper(
            queue: queue, record: WorkerRecord(id: configuration.id), healthFile: configuration.healthFile,
            logger: logger)
        self.metrics = WorkerMetrics(registry: metrics)
        self.tracer = tracer
        self.metrics.show(keeper)
    }

    /// Whether it is alive: its thread makes its rounds, and there is a folder to work in.
    public var health: ProbeAnswer {
        let pulse = keeper.pulse
        return ProbeAnswer(pulse.isAlive, pulse.isAlive ? "alive" : pulse.trouble ?? "no rounds are made")
    }

    /// Whether a song that came now would be worked on here, and if not, what is missing.
    public var readinessReport: ReadinessReport {
        let (pulse, readiness) = (keeper.pulse, readiness.withLock { $0 })
        guard !drain.isDraining, !pulse.isDraining else { return ReadinessReport(status: "draining", checks: [:]) }
        let failed = [
            "redis": pulse.isRedisAway, "storage": readiness.isStorageAway, "folder": pulse.trouble != nil,
            "models": !readiness.hasOffers,
        ]
        return ReadinessReport(
            status: failed.values.contains(true) ? "unready" : "ready",
            checks: failed.mapValues { $0 ? "failed" : "ok" })
    }

    /// Works until graceful shutdown.
    ///
    /// - Throws: when no temporary folder can be made at the start, or Redis can never be used as it is (wrong password, no
    ///   scripting, other rules); whatever else goes wrong is logged and tried again.
    public func run() async throws {
        try work.make()
        do {
            for trouble in try await queue.health().troubles { logger.warning("\(trouble)") }
        } catch let error as RedisError where !error.isTransient {
            throw error
        } catch {
            logger.warning("the worker waits for Redis: \(error)")
        }
        keeper.start()
        logger.info("worker started", metadata: ["redis": "\(queue.address)"])
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.maintain() }
                group.addTask { await self.publishOffers() }
                await claimJobs()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.drain.begin(self.configuration.drainPeriod)
            self.keeper.drain(true)
        }
        await keeper.stop()
        work.remove()
        let (queue, id) = (queue, configuration.id)
        do { try await Task { try await queue.forget(worker: id) }.value } catch {
            logger.warning("the worker's record stays behind: \(error)")
        }
        logger.info("worker ended")
    }

    /// Ends the drain at once: the present job is given back.
    public func hurry() { drain.begin(.zero) }

    /// While something is away.
    private static let backoff = Backoff(first: .milliseconds(500), longest: .seconds(30))

    /// Waits for the next pause's time; a graceful shutdown ends it.
    private func rest(_ pauses: inout Backoff.Pauses) async {
        guard let pause = pauses.next() else { return }
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
    }

    // MARK: - Jobs

    private func claimJobs() async {
        var pauses = Self.backoff.pauses()
        var isFresh = true
        while !drain.isDraining && !Task.isCancelled {
            do {
                let (queue, board, id) = (queue, board, configuration.id)
                if isFresh { try await cancelWhenGracefulShutdown { try await board.withdrawDrain(id) } }
                isFresh = false
                // Before a claim: a job that finds no folder would be one that fails.
                try work.make()
                keeper.canWork(nil)
                guard try await mayClaim(),
                    let claim = try await cancelWhenGracefulShutdown({
                        try await queue.claim(worker: id, wait: Self.glance)
                    })
                else { continue }
                let outcome = await perform(claim)
                readiness.withLock { $0.isStorageAway = outcome == .storageAway }
                switch outcome {
                case .storageAway, .diskFull: await rest(&pauses)
                default: pauses.reset()
                }
            } catch is CancellationError {
                continue
            } catch let error as WorkFolder.Unusable {
                logger.error("\(error)")
                keeper.canWork(error.description)
                await rest(&pauses)
            } catch {
                if trouble.isNews(error) { logger.error("no job can be claimed: \(error)") }
                await rest(&pauses)
            }
        }
    }

    /// Looks for a drain mark. It is acknowledged here, between two jobs, so that no claim is under way when it counts.
    private func mayClaim() async throws -> Bool {
        let (board, id) = (board, configuration.id)
        let origin = try await cancelWhenGracefulShutdown { try await board.drainRequest(of: id) }
        keeper.drain(origin != nil || drain.isDraining)
        switch origin {
        case nil: return true
        case .autoscaler: try await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.glance / 2) }
        case .operator:
            logger.info("an operator asked this worker to end")
            drain.begin(configuration.drainPeriod)
        }
        return false
    }

    private func perform(_ claim: Claim) async -> JobRun.Outcome {
        var logger = logger
        logger[metadataKey: "job"] = "\(claim.job.id)"
        logger[metadataKey: "attempt"] = "\(claim.job.attempts)"
        let place = tracer.place(continuing: claim.job.trace)
        logger[metadataKey: "trace"] = "\(place.traceID)"
        logger.info("job started", metadata: ["filename": "\(claim.job.filename)"])
        noteWait(claim, before: place)
        keeper.begin(claim)
        let begin = ContinuousClock.now
        var run = JobRun(
            claim: claim, queue: queue, store: store, separator: separator, keeper: keeper, drain: drain,
            configuration: configuration, stages: Stages(tracer: tracer, metrics: metrics, place: place), logger: logger
        )
        let start = Date()
        var outcome = JobRun.Outcome.givenBack
        do {
            let folder = try work.folder(named: "\(claim.job.id)-\(claim.token)")
            outcome = await run.run(in: folder)
            try FileManager.default.removeItem(at: folder)
        } catch let error as WorkFolder.Unusable {
            logger.error("\(error)")
            let queue = queue
            let cause = GivingBack.unfit(reason: "A worker had no folder to work in.")
            do { try await queue.giveBack(claim, cause) } catch {
                logger.error("the job is left to its lease: \(error)")
            }
            outcome = .diskFull
        } catch {
            logger.error("the job's temporary folder stays behind: \(error)")
        }
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        logger.info("job ended", metadata: ["outcome": "\(outcome.rawValue)", "seconds": "\(seconds)"])
        metrics.jobEnded(outcome, seconds: seconds, audioSeconds: run.audioSeconds)
        tracer.record(
            Span(
                "job", at: place, kind: .consumer, from: start,
                attributes: [
                    "msaas.job": .text("\(claim.job.id)"), "msaas.worker": .text(configuration.id),
                    "msaas.attempt": .integer(claim.job.attempts), "msaas.outcome": .text(outcome.rawValue),
                ], error: [.failed, .dead, .retried].contains(outcome) ? outcome.rawValue : nil), at: place)
        keeper.end(models: await separator.loadedModels)
        return outcome
    }

    /// The time from the song's admission to this claim, by the clock of Redis; of a later attempt nobody knows since when it
    /// waited.
    private func noteWait(_ claim: Claim, before job: TraceContext) {
        guard claim.job.attempts <= 1, let taken = claim.job.startedAt else { return }
        let place = TraceContext(besides: job)
        tracer.record(
            Span("wait in queue", at: place, kind: .consumer, from: claim.job.createdAt, to: taken), at: place)
    }

    // MARK: - Upkeep

    /// Says what songs can be separated with here, so that a wrong model is refused before its song is stored.
    private func publishOffers() async {
        var pauses = Self.backoff.pauses()
        while !drain.isDraining && !Task.isCancelled {
            do {
                let (queue, offers) = (queue, try await separator.offers)
                readiness.withLock { $0.hasOffers = true }
                return try await cancelWhenGracefulShutdown { try await queue.publish(offers) }
            } catch is CancellationError {
                return
            } catch {
                if trouble.isNews(error) { logger.warning("the models that are offered here cannot be told: \(error)") }
                await rest(&pauses)
            }
        }
    }

    /// Every worker looks for jobs of lost workers, and publishes what they had finished.
    private func maintain() async {
        repeat {
            do {
                for id in try await queue.recover(every: configuration.recoverEvery) {
                    logger.warning("a lost worker's job was recovered", metadata: ["job": "\(id)"])
                    metrics.jobRecovered()
                    if try await queue.job(id)?.state == .dead { try await store.clean(id) }
                }
                for sealed in try await queue.unpublished() { try await publish(sealed) }
            } catch is CancellationError {
                return
            } catch {
                if trouble.isNews(error) { logger.warning("upkeep: \(error)") }
            }
        } while await pause(for: configuration.recoverEvery)
    }

    /// Finishes what a lost worker had sealed. One that cannot be published holds up no other.
    private func publish(_ sealed: SealedJob) async throws {
        do {
            try await store.publish(sealed.manifest)
            _ = try await queue.commit(sealed.claim, manifest: sealed.manifest)
            try await store.clean(sealed.manifest.job, keeping: sealed.manifest)
            logger.warning("a lost worker's stems were published", metadata: ["job": "\(sealed.manifest.job)"])
        } catch let error as CancellationError {
            throw error
        } catch {
            logger.warning(
                "a lost worker's stems cannot be published: \(error)", metadata: ["job": "\(sealed.manifest.job)"])
        }
    }
}
