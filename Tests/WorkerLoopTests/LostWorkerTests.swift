import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing
import WorkerTrials

/// Several workers, some of which go away.
@Suite(.serialized) struct LostWorkerTests {
    private func expectDone(_ job: Job, song: String, in bench: Bench, attempt: Int) async throws {
        let done = try await bench.finished(job.id)
        #expect(done.state == .done)
        #expect(done.attempts == attempt)
        for stem in done.stems {
            #expect(try await bench.text(stem.key(of: job.id)) == TrialSeparator.text(of: stem.name, song: song))
        }
        let records = done.stems + [done.original].compactMap { $0 }
        let keys = records.flatMap { $0.keys(of: job.id) } + [Manifest.key(of: job.id)]
        #expect(keys.count == TrialSeparator.objects)
        #expect(try await bench.outputs().sorted() == keys.sorted(), "all stems, and nothing else")
    }

    @Test func aKilledWorkersJobIsDoneByAnother() async throws {
        let bench = try await Bench()
        let job = try await bench.submitted("music")
        let doomed = try bench.process(seconds: 3600)
        try await eventually("it is in the middle") { try await bench.queue.job(job.id)?.progress ?? 0 > 0 }
        #expect(try !bench.leftovers().isEmpty)
        doomed.signal(SIGKILL)
        let other = try bench.process(seconds: 0)
        try await expectDone(job, song: "music", in: bench, attempt: 2)
        try await eventually("its temporary files are gone, too") { try bench.leftovers().isEmpty }
        other.signal(SIGTERM)
        #expect(await other.wait() == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.temporary.path) == [])
    }

    @Test func aWorkerThatSleptThroughItsLeaseChangesNothing() async throws {
        let bench = try await Bench()
        let job = try await bench.submitted("music")
        let sleeper = try bench.process(seconds: 8)
        try await eventually("it is in the middle") { try await bench.queue.job(job.id)?.progress ?? 0 > 0 }
        sleeper.signal(SIGSTOP)
        let other = try bench.process(seconds: 0)
        try await expectDone(job, song: "music", in: bench, attempt: 2)
        other.signal(SIGTERM)
        #expect(await other.wait() == 0)
        sleeper.signal(SIGCONT)
        // It is awake, has noticed, and does the next job.
        let next = try await bench.submitted("music again")
        #expect(try await bench.finished(next.id).state == .done)
        let keys = try await bench.outputs().filter { $0.hasPrefix(job.id.description) }
        #expect(keys.count == TrialSeparator.objects)
        #expect(try await bench.queue.job(job.id)?.stems.allSatisfy { $0.file.hasPrefix("attempt-2/") } == true)
        sleeper.signal(SIGTERM)
        #expect(await sleeper.wait() == 0)
    }

    @Test func aJobThatWasSealedIsPublished() async throws {
        let bench = try await Bench(lease: .milliseconds(500))
        let manifest = try await sealed(bench, by: "gone")
        try await bench.withWorker { _ in
            let done = try await bench.finished(manifest.job)
            #expect((done.state, done.attempts) == (.done, 1))
        }
        #expect(try await Manifest(json: Data(bench.text(Manifest.key(of: manifest.job)).utf8)) == manifest)
    }

    @Test func aJobThatCannotBePublishedHoldsUpNoOther() async throws {
        let bench = try await Bench(lease: .milliseconds(500))
        let stuck = try await sealed(bench, by: "gone-1")
        let other = try await sealed(bench, by: "gone-2")
        try await bench.withWorker(transport: FailingTransport("PUT", Manifest.key(of: stuck.job))) { _ in
            let done = try await bench.finished(other.job)
            #expect(done.state == .done)
            #expect(try await bench.queue.job(stuck.job)?.state == .running)
        }
    }

    /// The manifest of a job that a worker has sealed before it went away.
    private func sealed(_ bench: Bench, by worker: String) async throws -> Manifest {
        let job = try await bench.submitted("music")
        let claim = try #require(try await bench.queue.claim(worker: worker, wait: .seconds(5)))
        let stem = StemRecord(name: "drums", file: "drums.wav", size: 1, eTag: "e", contentType: "audio/wav")
        let manifest = Manifest(
            job: job.id, model: "trial", filename: "song.mp3", duration: 1, sampleRate: 44100, stems: [stem],
            separationSeconds: 1, finishedAt: Date(timeIntervalSince1970: 1_700_000_000))
        #expect(try await bench.queue.seal(claim, manifest: manifest) == .held)
        return manifest
    }

    @Test func aTerminatedWorkerGivesItsJobBackAtTheSecondSignal() async throws {
        let bench = try await Bench()
        let job = try await bench.submitted("music")
        let worker = try bench.process(seconds: 3600, drain: 3600)
        try await eventually("it is in the middle") { try await bench.queue.job(job.id)?.progress ?? 0 > 0 }
        worker.signal(SIGTERM)
        try await eventually("it drains") { try await bench.queue.workers().first?.state == .draining }
        #expect(try await bench.queue.job(job.id)?.state == .running)
        worker.signal(SIGTERM)
        #expect(await worker.wait() == 0)
        let given = try #require(try await bench.queue.job(job.id))
        #expect((given.state, given.attempts) == (.queued, 0))
        #expect(try await bench.queue.workers().isEmpty)
    }

    @Test func aSongThatFindsNoRoomWaitsUntilThereIsSome() async throws {
        let bench = try await Bench()
        let job = try await bench.submitted(String(repeating: "music ", count: 1000))
        let worker = try bench.process(seconds: 0, under: ["prlimit", "--fsize=1000:"])
        try await eventually("it is given back") {
            try await bench.queue.eventLog().events(of: job.id).contains { $0.kind == .givenBack }
        }
        let attempts = try #require(try await bench.queue.job(job.id)).attempts
        #expect(attempts <= 1, "none is spent but for the one that may be under way")
        let more = try ChildProcess(["prlimit", "--pid", "\(worker.processIdentifier)", "--fsize=unlimited:"])
        #expect(await more.wait() == 0)
        let done = try await bench.finished(job.id)
        #expect((done.state, done.attempts) == (.done, 1))
        worker.signal(SIGTERM)
        #expect(await worker.wait() == 0)
    }

    /// A name can neither forge a line nor command the terminal that shows the log.
    @Test func namesCannotWriteIntoTheLog() async throws {
        let bench = try await Bench()
        let folder = try TemporaryDirectory()
        let log = folder.path + "/log"
        let worker = try bench.process(seconds: 0, output: log)
        // An object that is gone: not every storage takes such a key.
        let key = "\(JobID.random())/a\u{1b}[2J\nerror forged\u{2028}.mp3"
        let job = Job(write: ObjectWrite(bucket: "queue", key: key, eTag: "e"))
        _ = try await bench.queue.enqueue(job)
        #expect(try await bench.finished(job.id).state == .failed)
        worker.signal(SIGTERM)
        #expect(await worker.wait() == 0)
        let text = try String(contentsOfFile: log, encoding: .utf8)
        #expect(text.contains("\\nerror forged"))
        #expect(!text.contains("\u{1b}"))
        #expect(text.split(whereSeparator: \.isNewline).allSatisfy { $0.first?.isNumber == true })
    }

    @Test func racingWorkersDoEveryJobOnce() async throws {
        let bench = try await Bench(lease: .seconds(60))
        var jobs: [Job] = []
        for index in 0..<12 { jobs.append(try await bench.submitted("music \(index)")) }
        // They start at the same moment: each removes the folders of dead workers, and none those of the others. A process that
        // is told to end before it listens for that ends by the signal.
        let workers = try (0..<6).map { _ in try bench.process(seconds: 0.05, lease: 60) }
        try await eventually("all have registered") { try await bench.queue.workers().count == workers.count }
        for (index, job) in jobs.enumerated() {
            let done = try await bench.finished(job.id)
            #expect((done.state, done.attempts) == (.done, 1))
            let text = try await bench.text(done.stems[0].key(of: job.id))
            #expect(text == TrialSeparator.text(of: "drums", song: "music \(index)"))
        }
        #expect(try await bench.outputs().count == 12 * TrialSeparator.objects)
        for worker in workers { worker.signal(SIGTERM) }
        for worker in workers { #expect(await worker.wait() == 0) }
    }
}
