import Audio
import Foundation
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceContract
import Streams
import Synchronization
import TestSupport
import Testing
import WorkerLoop
import WorkerTrials

/// One worker and its jobs.
@Suite(.serialized) struct WorkerTests {
    private static let stems = ["drums", "bass", "other", "vocals"]

    @Test func aSongBecomesStems() async throws {
        let bench = try await Bench()
        let options = JobOptions(model: "starter", format: .flac)
        let job = try await bench.submitted("music of spheres", as: "dir one/my song+é.mp3", options: options)
        try await bench.withWorker { _ in
            let done = try await bench.finished(job.id)
            #expect(done.state == .done)
            #expect(done.stems.map(\.name) == Self.stems)
            #expect(done.audioSeconds == 10)
            for stem in done.stems {
                #expect(stem.key(of: job.id) == "\(job.id)/\(stem.name).flac")
                let text = TrialSeparator.text(of: stem.name, song: "music of spheres")
                #expect(try await bench.text(stem.key(of: job.id)) == text)
                let head = try #require(try await bench.storage.head("output", stem.key(of: job.id)))
                #expect((head.size, head.eTag, head.contentType) == (stem.size, stem.eTag, "audio/flac"))
            }
            let stored = try await bench.text(Manifest.key(of: job.id))
            let manifest = try Manifest(json: Data(stored.utf8))
            #expect(manifest.stems == done.stems)
            #expect(manifest.original == done.original)
            // What players want beside the stems.
            let original = try #require(manifest.original)
            #expect(original.file == "studio/original.flac" && original.contentType == "audio/flac")
            #expect(try await bench.text(original.key(of: job.id)) == "music of spheres")
            for record in manifest.stems + [original] {
                #expect(record.frames == 441_000)
                let peaks = try #require(record.peaks)
                #expect(try await bench.text(peaks.key(of: job.id)) == "peaks of \(record.name)")
            }
            #expect(try await bench.outputs().sorted() == ([Manifest.key(of: job.id)] + manifest.keys).sorted())
            #expect((manifest.model, manifest.filename) == ("starter", "my song+é.mp3"))
            try await eventually("nothing is left on the disk") { try bench.leftovers().isEmpty }
        }
        #expect(try await bench.queue.workers().isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.temporary.path) == [])
    }

    @Test func badSongsFailWithAReasonAndLeaveNothing() async throws {
        let bench = try await Bench()
        let empty = try await bench.submitted("", as: "empty.mp3")
        let text = try await bench.submitted("Dear diary", as: "diary.mp3")
        let gone = try await bench.submitted("music", as: "gone.mp3")
        try await bench.storage.delete("queue", gone.key)
        let good = try await bench.submitted("music")
        try await bench.withWorker { _ in
            for (job, sentence) in [
                (empty, "empty.mp3 is empty (0 bytes); upload it again."),
                (text, "diary.mp3 is not audio: it is a text."),
                (gone, "gone.mp3 is no longer in the bucket; upload it again."),
            ] {
                let failed = try await bench.finished(job.id)
                #expect((failed.state, failed.error) == (.failed, sentence))
            }
            #expect(try await bench.finished(good.id).state == .done)
            try await eventually("nothing is left on the disk") { try bench.leftovers().isEmpty }
        }
        #expect(try await bench.outputs().count == TrialSeparator.objects)
    }

    @Test func aCancelledJobStopsAndTheNextOneIsDone() async throws {
        let bench = try await Bench()
        let first = try await bench.submitted("music one")
        let second = try await bench.submitted("music two")
        var configuration = bench.configuration
        configuration.drainPeriod = .zero
        try await bench.withWorker(configuration, seconds: 3600) { _ in
            try await eventually("the first runs") { try await bench.queue.job(first.id)?.progress ?? 0 > 0 }
            #expect(try await bench.queue.cancel(first.id) == .cancelled)
            try await eventually("the second runs") { try await bench.queue.job(second.id)?.state == .running }
            #expect(try await bench.queue.job(first.id)?.state == .cancelled)
        }
        #expect(try await bench.outputs().isEmpty)
        #expect(try bench.leftovers().isEmpty)
    }

    @Test func aDrainedWorkerFinishesWhatItCan() async throws {
        let bench = try await Bench()
        let first = try await bench.submitted("music one")
        let second = try await bench.submitted("music two")
        try await bench.withWorker(seconds: 3) { group in
            try await eventually("the first runs") { try await bench.queue.job(first.id)?.state == .running }
            await group.triggerGracefulShutdown()
        }
        #expect(try await bench.queue.job(first.id)?.state == .done)
        #expect(try await bench.queue.job(second.id)?.state == .queued)
    }

    @Test func aDrainedWorkerGivesBackWhatItCannotFinish() async throws {
        let bench = try await Bench()
        let first = try await bench.submitted("music one")
        _ = try await bench.submitted("music two")
        var configuration = bench.configuration
        configuration.drainPeriod = .milliseconds(100)
        try await bench.withWorker(configuration, seconds: 3600) { _ in
            try await eventually("the first runs") { try await bench.queue.job(first.id)?.state == .running }
        }
        let given = try #require(try await bench.queue.job(first.id))
        #expect((given.state, given.attempts) == (.queued, 0))
        #expect(try await bench.queue.position(of: first.id) == 1)
        #expect(try await bench.queue.depth() == QueueDepth(waiting: 2, inFlight: 0, dead: 0))
        #expect(try await bench.outputs().isEmpty)
    }

    @Test func theRecordSaysWhatTheWorkerDoes() async throws {
        let bench = try await Bench()
        var configuration = bench.configuration
        configuration.drainPeriod = .zero
        configuration.healthFile = bench.temporary.url.appending(path: "health")
        try await bench.withWorker(configuration, seconds: 3600) { _ in
            try await eventually("it is idle") { try await bench.queue.workers().first?.state == .idle }
            let job = try await bench.submitted("music")
            try await eventually("it is busy") {
                let record = try await bench.queue.workers().first
                return record?.state == .busy && record?.job == job.id && record?.progress ?? 0 > 0
            }
            #expect(try #require(try await bench.queue.workers().first).memory > 1 << 20)
            #expect(FileManager.default.fileExists(atPath: bench.temporary.path + "/health"))
        }
    }

    @Test func noAttemptIsSpentWhileTheStorageIsAway() async throws {
        let bench = try await Bench()
        let job = try await bench.submitted("music")
        bench.s3.kill()
        try await bench.withWorker { _ in
            try await eventually("the job is given back") {
                try await bench.queue.eventLog().events(of: job.id).contains { $0.kind == .givenBack }
            }
        }
        let waiting = try #require(try await bench.queue.job(job.id))
        #expect((waiting.state, waiting.attempts) == (.queued, 0))
    }

    /// The stems are made once and wait; the record says what for, no attempt is spent and nothing is separated anew.
    @Test func stemsWaitWhileTheStorageIsFull() async throws {
        let storage = FullStorage()
        let bench = try await Bench(transport: storage)
        storage.isFull = true
        let job = try await bench.submitted("music")
        try await bench.withWorker { _ in
            try await eventually("the worker says it") {
                try await bench.queue.workers().first?.trouble?.hasPrefix("The storage is full") == true
            }
            try await eventually("it tries again") { storage.refusals > 6 }
            #expect(try await bench.queue.job(job.id)?.state == .running)
            storage.isFull = false
            let done = try await bench.finished(job.id)
            #expect((done.state, done.attempts, done.returns) == (.done, 1, 0))
            try await eventually("the trouble is over") {
                try await bench.queue.workers().contains { $0.state == .idle && $0.trouble == nil }
            }
        }
        let kinds = try await bench.queue.eventLog().events(of: job.id).map(\.kind).filter { $0 != .progress }
        #expect(kinds == [.enqueued, .started, .sealed, .done])
    }

    /// A storage in which there is no more room for stems, for a time.
    private final class FullStorage: HTTPTransport {
        private let state = Mutex((isFull: false, refusals: 0))
        private let storage = CurlTransport()

        var isFull: Bool {
            get { state.withLock { $0.isFull } }
            set { state.withLock { $0.isFull = newValue } }
        }
        var refusals: Int { state.withLock { $0.refusals } }

        func send(_ request: HTTPRequest) async throws -> HTTPResponse {
            let isRefused = state.withLock { state in
                guard state.isFull, request.method == "PUT", request.url.contains("/output/") else { return false }
                state.refusals += 1
                return true
            }
            guard isRefused else { return try await storage.send(request) }
            let text = "<Error><Code>XMinioStorageFull</Code><Message>Full.</Message></Error>"
            return HTTPResponse(status: 507, body: ByteStream(Data(text.utf8)))
        }
    }

    /// A song that is replaced while it waits: nobody gets the stems of the other one.
    @Test func aSongThatWasReplacedIsNotTakenForItself() async throws {
        let bench = try await Bench()
        func put(_ text: String) async throws -> Job {
            let result = try await bench.storage.put("queue", "b.mp3", body: .bytes(Data(text.utf8)))
            let job = Job(write: ObjectWrite(bucket: "queue", key: "b.mp3", eTag: result.eTag))
            _ = try await bench.queue.enqueue(job)
            return job
        }
        let (first, second) = (try await put("music A"), try await put("music B"))
        #expect(first.id != second.id)
        try await bench.withWorker { _ in
            let superseded = try await bench.finished(first.id)
            #expect((superseded.state, superseded.attempts) == (.failed, 1))
            #expect(
                superseded.error
                    == "b.mp3 was replaced in the bucket before its turn came; the new file has a job of its own.")
            #expect(try await bench.finished(second.id).state == .done)
            let drums = TrialSeparator.text(of: "drums", song: "music B")
            #expect(try await bench.text("\(second.id)/drums.wav") == drums)
        }
        #expect(try await bench.outputs().allSatisfy { $0.hasPrefix("\(second.id)/") })
    }

    @Test(arguments: [
        (CocoaError(.fileWriteOutOfSpace) as any Error, false), (POSIXError(.EFBIG), false),
        (AudioError.diskFull(path: "/tmp/drums.wav", reason: "No space left on device"), false),
        (TestFailure("something was in the way"), true),
    ])
    func aFullDiskIsNotTheSongsFault(error: any Error, isFull: Bool) async throws {
        let bench = try await Bench()
        let job = try await bench.submitted("music")
        var configuration = bench.configuration
        if isFull { configuration.leastFreeSpace = .max }
        try await bench.withWorker(configuration, separator: FailingSeparator(error: error)) { _ in
            try await eventually("the job is given back") {
                try await bench.queue.eventLog().events(of: job.id).contains { $0.kind == .givenBack }
            }
        }
        let waiting = try #require(try await bench.queue.job(job.id))
        #expect((waiting.state, waiting.attempts) == (.queued, 0))
    }

    /// Every thread of Swift's pool is held up for several leases, as products of matrices do when they are given the chance,
    /// while another worker looks for expired leases ten times a second.
    @Test func theLeaseIsKeptWhileTheProcessorsAreTaken() async throws {
        let bench = try await Bench(lease: .seconds(4))
        let job = try await bench.submitted("music")
        let other = Mutex<ChildProcess?>(nil)
        let separator = GreedySeparator(seconds: 13) {
            let process = try bench.process(seconds: 0)
            other.withLock { $0 = process }
        }
        try await bench.withWorker(separator: separator) { _ in
            let done = try await bench.finished(job.id)
            #expect((done.state, done.attempts) == (.done, 1))
        }
        let process = try #require(other.withLock { $0 })
        process.signal(SIGTERM)
        #expect(await process.wait() == 0)
    }

    /// Holds up every thread of the cooperative pool.
    private struct GreedySeparator: SongSeparator {
        let seconds: Int
        let begin: @Sendable () throws -> Void
        var offers: OfferedModels { OfferedModels(stems: [:], usual: "trial") }
        var loadedModels: [String] { [] }

        func separate(
            _ order: SeparationOrder, measured: @escaping @Sendable (SongMeasure) throws -> Void,
            progress: @escaping @Sendable (Double) -> Bool
        ) async throws -> SeparatedSong {
            try begin()
            let end = ContinuousClock.now + .seconds(seconds)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<ProcessInfo.processInfo.activeProcessorCount * 2 {
                    group.addTask { while ContinuousClock.now < end {} }
                }
            }
            return try await TrialSeparator().separate(order, progress: progress)
        }
    }
}

/// Can write nothing.
struct FailingSeparator: SongSeparator {
    let error: any Error

    func separate(
        _ order: SeparationOrder, measured: @escaping @Sendable (SongMeasure) throws -> Void,
        progress: @escaping @Sendable (Double) -> Bool
    ) async throws -> SeparatedSong { throw error }

    var offers: OfferedModels { OfferedModels(stems: [:], usual: "trial") }

    var loadedModels: [String] { get async { [] } }
}
