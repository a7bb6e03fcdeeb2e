import Foundation
import Jobs
import Logging
import ObjectStorage
import Observability
import Pacing
import ServiceContract

/// One claimed job: song out of the bucket, separation, stems into the bucket, manifest last, commit.
///
/// What happens when something goes wrong:
/// - the song or its options can never be separated, or pass a limit (see ``JobLimits``): the job fails with the sentence;
/// - the storage is away before work began: the job is given back as the next one out, and the worker pauses;
/// - the storage is there and does not give this song's bytes: the attempt is spent, so that nobody waits behind such a song;
/// - the storage is away or full once there are stems: they are kept, and storing is tried with growing pauses;
/// - this machine's disk is full: the job is given back behind the others, which may fit, and that is counted;
/// - anything else: the attempt is spent and the job waits behind the others until its attempts are spent; its owner reads one
///   of a few sentences (see ``PublicFailure``), the log has the rest;
/// - Redis is away: wait, for nobody else can take the job meanwhile;
/// - the lease is lost or the job cancelled: stop, and leave nothing of this attempt;
/// - the worker drains and its time is over: give the job back, no attempt is spent.
struct JobRun {
    /// How it ended; the raw value is what metrics say.
    enum Outcome: String, Sendable {
        case done, failed, retried, dead, lost, cancelled
        /// Given back because the worker drains.
        case givenBack = "given-back"
        /// Given back because the storage is away.
        case storageAway = "storage-away"
        /// Given back because there is no room for songs and stems here.
        case diskFull = "disk-full"
        /// Sealed, and left for another worker to publish.
        case unpublished
    }

    /// Why to stop in the middle.
    private enum Stop: Error { case lost, cancelled, drained }
    /// How far it has come.
    private enum Phase { case fetching, separating, storing }

    let claim: Claim
    let queue: RedisJobQueue
    let store: SongStore
    let separator: any SongSeparator
    let keeper: LeaseKeeper
    let drain: Drain
    let configuration: WorkerConfiguration
    let stages: Stages
    let logger: Logger
    /// What the song may take: of this worker, and of its owner's budget.
    private let limits: JobLimits
    private let deadline: ContinuousClock.Instant
    private var phase = Phase.fetching
    private var stored: [StemRecord] = []
    /// How long the song is, once it was measured, in seconds.
    private(set) var audioSeconds: Double?

    init(
        claim: Claim, queue: RedisJobQueue, store: SongStore, separator: any SongSeparator, keeper: LeaseKeeper,
        drain: Drain, configuration: WorkerConfiguration, stages: Stages, logger: Logger
    ) {
        self.claim = claim
        self.queue = queue
        self.store = store
        self.separator = separator
        self.keeper = keeper
        self.drain = drain
        self.configuration = configuration
        self.stages = stages
        self.logger = logger
        limits = configuration.limits.narrowed(by: claim.job.budget)
        deadline = .now + limits.wallClock
    }

    /// Does the job in `folder`, which is its own.
    mutating func run(in folder: URL) async -> Outcome {
        let song = folder.appending(path: "song")
        do {
            let manifest = try await stems(of: song, in: folder)
            try check(await persistently { try await queue.seal(claim, manifest: manifest) })
            return await publish(manifest)
        } catch {
            return await conclude(error, song: song)
        }
    }

    /// Everything up to the stored stems.
    private mutating func stems(of song: URL, in folder: URL) async throws -> Manifest {
        let (limits, options) = (limits, claim.job.options)
        try await stages.run("fetch") { try await fetch(to: song) }
        phase = .separating
        let (outputs, studio) = (folder.appending(path: "stems"), folder.appending(path: "studio"))
        for folder in [outputs, studio] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        }
        let order = SeparationOrder(
            song: song, folder: outputs, studio: studio, options: options, limits: limits.audio, seed: claim.job.id.seed
        )
        let separated = try await stages.separation { clock in
            let song = try await separator.separate(order) { [keeper] measure in
                clock.measured()
                keeper.measured(measure.seconds)
                try limits.check(measure, options: options, writingTo: outputs)
            } progress: { [keeper, drain, deadline] progress in
                keeper.report(progress) == .held && !drain.isOver && .now < deadline
            }
            clock.encoded(for: song.encodingSeconds)
            return song
        }
        phase = .storing
        audioSeconds = separated.duration
        for stem in separated.stems {
            try await keep(stem) { [store, claim] in try await store.store(stem, of: claim) }
        }
        let stems = stored
        if let original = separated.original {
            try await keep(original) { [store, claim] in try await store.store(original: original, of: claim) }
        }
        return Manifest(
            job: claim.job.id, model: separated.model, filename: claim.job.filename, duration: separated.duration,
            sampleRate: separated.sampleRate, stems: stems, original: stored.dropFirst(stems.count).first,
            separationSeconds: separated.seconds, warnings: separated.warnings, remainder: separated.remainder,
            owner: claim.job.owner, bucket: claim.job.bucket, key: claim.job.key)
    }

    /// Stores a stem, or the song itself, and its peaks.
    private mutating func keep(_ stem: SeparatedSong.Stem, _ put: () async throws -> StemRecord) async throws {
        // Asked of Redis itself, so that a worker that slept through its lease stores nothing more.
        try check(await persistently { try await queue.renew(claim) })
        let attributes = ["msaas.stem": Span.Value.text(stem.name)]
        let record = try await stages.run("store", attributes: attributes) { try await patiently { try await put() } }
        stored.append(record)
        guard let file = stem.peaks else { return }
        let peaks = try await stages.run("store", attributes: attributes) {
            try await patiently { try await store.store(peaks: file, of: claim) }
        }
        stored[stored.count - 1].peaks = peaks
    }

    /// Fetches the song. A storage that is there and fails at this very song, twice in a row, has lost it; one that is away for
    /// a while is another matter.
    private func fetch(to song: URL) async throws {
        for isSecondTry in [false, true] {
            do {
                return try await store.fetch(claim.job, to: song, limits: limits, goesOn: goOn)
            } catch  where StorageTrouble.isTransient(error) {
                guard await store.isThere() else { throw error }
                logger.warning("the storage does not give the song: \(error)")
                if isSecondTry { throw SongLost() }
            }
        }
    }

    /// Stores the sealed manifest and marks the job as done.
    private func publish(_ manifest: Manifest) async -> Outcome {
        do {
            let status = try await stages.run("publish") {
                try await patiently { try await store.publish(manifest) }
                return try await persistently { try await queue.commit(claim, manifest: manifest) }
            }
            guard status == .held else { return .cancelled }
        } catch {
            logger.error("the manifest is left to another worker: \(error)")
            await finally { try await queue.giveBack(claim) }
            return .unpublished
        }
        if claim.job.attempts > 1 {
            do { try await store.clean(claim.job.id, keeping: manifest) } catch {
                logger.warning("stems of earlier attempts stay behind: \(error)")
            }
        }
        return .done
    }

    // MARK: - Stopping

    /// - Throws: ``Stop`` when there is a reason to.
    private func goOn() throws {
        try check(keeper.status)
        if drain.isOver || Task.isCancelled { throw Stop.drained }
        if phase != .storing, .now >= deadline { throw limits.outOfTime }
    }

    private func check(_ status: LeaseStatus) throws {
        switch status {
        case .held: return
        case .lost: throw Stop.lost
        case .cancelled: throw Stop.cancelled
        }
    }

    /// Why the work ended: the separator only knows that it was told to stop.
    private func reason(_ error: any Error) -> any Error {
        guard error is CancellationError else { return error }
        do { try goOn() } catch { return error }
        return Stop.drained
    }

    private func conclude(_ error: any Error, song: URL) async -> Outcome {
        switch reason(error) {
        case Stop.lost:
            await discard()
            return .lost
        case Stop.cancelled:
            await discard()
            return .cancelled
        case Stop.drained:
            await discard()
            await finally { try await queue.giveBack(claim) }
            return .givenBack
        case let refused as SongRefused:
            return await fail(refused.description, song: song, retry: false)
        case let error where phase != .separating && StorageTrouble.isTransient(error):
            logger.warning("the storage is away or full: \(error)")
            await discard()
            await finally { try await queue.giveBack(claim) }
            return .storageAway
        case let error where DiskTrouble.isFull(error) || hasNoRoom(song):
            logger.error("the disk of \(song.deletingLastPathComponent().path) is full: \(error)")
            await discard()
            let reason = "A worker had no room for \(claim.job.filename) and its stems."
            let state = await finally { try await queue.giveBack(claim, .noRoom(reason: reason)) }
            return state == .failed ? .failed : .diskFull
        case let error:
            logger.error("the attempt failed: \(error)")
            await discard()
            return await fail(PublicFailure(error).rawValue, song: song, retry: true)
        }
    }

    private func hasNoRoom(_ song: URL) -> Bool {
        (DiskSpace(of: song.deletingLastPathComponent())?.free ?? .max) < configuration.leastFreeSpace
    }

    /// The sentence goes to the song's owner, who knows its name and not where we keep it.
    private func fail(_ sentence: String, song: URL, retry: Bool) async -> Outcome {
        let reason = sentence.replacingOccurrences(of: song.path, with: claim.job.filename)
        logger.warning("the attempt came to nothing: \(reason)")
        let state = await finally { try await queue.fail(claim, reason: reason, retry: retry) }
        switch state {
        case .failed: return .failed
        case .dead: return .dead
        case .queued: return .retried
        case .cancelled: return .cancelled
        case .awaitingUpload, .uploaded, .running, .done, nil: return .lost
        }
    }

    private func discard() async {
        guard !stored.isEmpty else { return }
        await finally { try await store.discard(stored, of: claim.job.id) }
    }

    // MARK: - Trying again

    /// Waits for Redis as long as it takes; only the end of a drain cuts it short.
    private func persistently<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        var pauses = Backoff(first: .milliseconds(200), longest: .seconds(5)).pauses()
        let trouble = RepeatedTrouble()
        while true {
            do {
                return try await body()
            } catch let error as RedisError where error.isTransient {
                if trouble.isNews(error) { logger.warning("waiting for Redis: \(error)") }
                guard !drain.isOver, let pause = pauses.next() else { throw Stop.drained }
                try await Task.sleep(for: pause)
            }
        }
    }

    /// Tries again while the storage is away or full, for as long as the configuration says and the lease is held.
    private func patiently<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        var pauses = Backoff(first: .milliseconds(500), longest: .seconds(30)).pauses(
            for: configuration.storagePatience)
        let trouble = RepeatedTrouble()
        defer { keeper.waits(for: nil) }
        while true {
            do {
                return try await body()
            } catch  where StorageTrouble.isTransient(error) {
                guard let pause = pauses.next() else { throw error }
                if trouble.isNews(error) { logger.warning("waiting for the storage: \(error)") }
                keeper.waits(for: StorageTrouble.sentence(error))
                try goOn()
                try await Task.sleep(for: pause)
            }
        }
    }

    /// Does what has to be done even when this task is cancelled. What cannot be done is not lost: the lease runs out,
    /// and another worker takes the job over.
    @discardableResult
    private func finally<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async -> Value? {
        let run = self
        do { return try await Task { try await run.persistently(body) }.value } catch {
            logger.error("the job could not be concluded: \(error)")
            return nil
        }
    }
}

extension JobID {
    /// A number that is the same in every attempt.
    fileprivate var seed: UInt64 { UInt64(description.prefix(16), radix: 16) ?? 0 }
}
