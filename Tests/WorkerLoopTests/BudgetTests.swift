import Foundation
import Jobs
import ModelStore
import ServiceContract
import TestSupport
import Testing
import WorkerLoop
import WorkerTrials

/// What one job may take, and what a worker does that has no room.
@Suite(.serialized) struct BudgetTests {
    /// A song that passes the limit fails with a sentence, in one attempt, and the next one is done.
    private func refusal(
        of song: String = "music", options: JobOptions = .init(), measure: SongMeasure = .usual, seconds: Double = 0,
        budget: SongBudget = .init(), _ change: (inout JobLimits) -> Void = { _ in }
    ) async throws -> String {
        let bench = try await Bench()
        let job = try await bench.submitted(song, options: options, budget: budget)
        var configuration = bench.configuration
        change(&configuration.limits)
        var sentence = ""
        try await bench.withWorker(
            configuration, separator: TrialSeparator(seconds: seconds, measure: measure)
        ) { _ in
            let failed = try await bench.finished(job.id)
            #expect((failed.state, failed.attempts) == (.failed, 1))
            sentence = failed.error ?? ""
            try await eventually("nothing is left on the disk") { try bench.leftovers().isEmpty }
        }
        #expect(try await bench.outputs().isEmpty)
        return sentence
    }

    @Test func aSongOfTooManyBytesIsNotFetched() async throws {
        let song = "music" + String(repeating: " ", count: 3_000_000)
        let sentence = try await refusal(of: song) { $0.songBytes = 2_000_000 }
        #expect(sentence.hasPrefix("song.mp3 has 4 MB, and songs of at most 2 MB are separated here"))
    }

    /// What a key allows its songs reaches the worker with the job; of the two limits the narrower one counts.
    @Test func anOwnersBudgetCountsWhereItIsNarrower() async throws {
        var budget = SongBudget()
        budget.songBytes = 2_000_000
        let song = "music" + String(repeating: " ", count: 3_000_000)
        #expect(try await refusal(of: song, budget: budget).contains("songs of at most 2 MB are separated here"))
        budget = SongBudget()
        budget.workSeconds = 50
        #expect(
            try await refusal(options: JobOptions(shifts: 10), budget: budget).contains("at most 50 s are done here"))
        #expect(
            try await refusal(options: JobOptions(shifts: 10), budget: budget) { $0.workSeconds = 40 }
                .contains("at most 40 s are done here"))
        budget = SongBudget()
        budget.stemBytes = 999
        #expect(
            try await refusal(budget: budget).hasPrefix("The stems would take 1 MB, and at most 1 MB are stored here"))
        budget = SongBudget()
        budget.diskBytes = 999
        #expect(try await refusal(budget: budget).hasPrefix("The stems need 1 MB while they are made"))
        budget = SongBudget()
        budget.jobSeconds = 0.3
        #expect(try await refusal(seconds: 3600, budget: budget).hasPrefix("The song was not separated within 0 s"))
        budget = SongBudget()
        (budget.songSeconds, budget.sampleRates) = (60, 8000...96_000)
        let limits = JobLimits().narrowed(by: budget)
        #expect((limits.audio.seconds, limits.audio.sampleRates) == (60, 8000...96_000))
        #expect(JobLimits().narrowed(by: SongBudget()) == JobLimits())
    }

    @Test func shiftsAndOverlapCountAsWork() async throws {
        let sentence = try await refusal(options: JobOptions(shifts: 10, overlap: 0.9)) { $0.workSeconds = 999 }
        #expect(sentence.hasPrefix("This song of 10 s is 1000 s of work with 10 shifts and an overlap of 0.9"))
    }

    @Test func stemsThatAreTooLargeForTheStorageAreNotMade() async throws {
        let measure = SongMeasure(seconds: 10, stemBytes: 121_000_000_000, diskBytes: 1)
        let sentence = try await refusal(measure: measure) { _ in }
        #expect(sentence.hasPrefix("The stems would take 121000 MB, and at most 17180 MB are stored here"))
    }

    @Test func stemsThatFitNoDiskFailAtOnce() async throws {
        let whole = SongMeasure(seconds: 10, stemBytes: 1, diskBytes: 1 << 60)
        #expect(
            try await refusal(measure: whole) { _ in }.hasPrefix("The stems need 1152921504607 MB while they are made"))
        let asked = SongMeasure(seconds: 10, stemBytes: 1, diskBytes: 3_000_000)
        let sentence = try await refusal(measure: asked) { $0.diskBytes = 2_000_000 }
        #expect(sentence.contains("a worker's disk has 2 MB"))
    }

    @Test func aSeparationThatNeverEndsIsEnded() async throws {
        let sentence = try await refusal(seconds: 3600) { $0.wallClock = .milliseconds(300) }
        #expect(sentence.hasPrefix("The song was not separated within 0 s, the most that one may take here"))
    }

    /// More than is free and less than the disk: it may fit later, so it waits and spends no attempt.
    @Test func whatDoesNotFitNowIsGivenBack() async throws {
        let bench = try await Bench()
        var disk = statvfs()
        #expect(statvfs(bench.temporary.path, &disk) == 0)
        let free = Int(disk.f_bavail) * Int(disk.f_frsize)
        let total = Int(disk.f_blocks) * Int(disk.f_frsize)
        let measure = SongMeasure(seconds: 10, stemBytes: 1, diskBytes: free / 2 + total / 2)
        try #require(free < measure.diskBytes && measure.diskBytes < total)
        let job = try await bench.submitted("music")
        try await bench.withWorker(separator: TrialSeparator(measure: measure)) { _ in
            try await eventually("the job is given back") {
                try await bench.queue.eventLog().events(of: job.id).contains { $0.kind == .givenBack }
            }
        }
        let waiting = try #require(try await bench.queue.job(job.id))
        #expect((waiting.state, waiting.attempts) == (.queued, 0))
    }

    @Test func theLengthIsKnownBeforeTheWork() async throws {
        let bench = try await Bench()
        let job = try await bench.submitted("music")
        var configuration = bench.configuration
        configuration.drainPeriod = .zero
        let separator = TrialSeparator(
            seconds: 3600, measure: SongMeasure(seconds: 215.5, stemBytes: 1, diskBytes: 1))
        try await bench.withWorker(configuration, separator: separator) { _ in
            try await eventually("the job has its length") {
                try await bench.queue.job(job.id)?.audioSeconds == 215.5
            }
            #expect(try await bench.queue.job(job.id)?.state == .running)
            try await eventually("the worker says it") {
                try await bench.queue.workers().first?.audioSeconds == 215.5
            }
        }
    }

    /// The owner reads a sentence from a list; addresses, passwords and paths are for the log.
    @Test func whatIsPublicTellsNothingOfTheHouse() async throws {
        let bench = try await Bench(attempts: 1)
        let error = ModelStoreError.downloadFailed(
            file: "955717e8.th", address: "https://user:pa55word@models.internal:8443/x",
            reason: "refused at /srv/models")
        let job = try await bench.submitted("music")
        try await bench.withWorker(separator: FailingSeparator(error: error)) { _ in
            let dead = try await bench.finished(job.id)
            #expect(dead.state == .dead)
            #expect(dead.error == "The model could not be loaded; the operator's log says why.")
        }
    }

    @Test func aVanishedFolderIsMadeAgain() async throws {
        let bench = try await Bench()
        try await bench.withWorker { _ in
            for text in ["music one", "music two"] {
                let job = try await bench.submitted(text)
                let done = try await bench.finished(job.id)
                #expect((done.state, done.attempts) == (.done, 1))
                for name in try FileManager.default.contentsOfDirectory(atPath: bench.temporary.path) {
                    try FileManager.default.removeItem(at: bench.temporary.url.appending(path: name))
                }
            }
        }
    }

    /// Where there can be no folder the worker claims nothing, so that no job spends its attempts; it goes on by itself.
    @Test func aWorkerWithoutAFolderClaimsNothing() async throws {
        let bench = try await Bench()
        let parent = bench.temporary.url.appending(path: "songs")
        var configuration = bench.configuration
        configuration.temporaryFolder = parent
        configuration.healthFile = bench.temporary.url.appending(path: "health")
        try await bench.withWorker(configuration) { _ in
            try await eventually("it is idle") { try await bench.queue.workers().first?.state == .idle }
            try FileManager.default.removeItem(at: parent)
            try Data().write(to: parent)
            try await eventually("it is not healthy") {
                try? FileManager.default.removeItem(at: bench.temporary.url.appending(path: "health"))
                try await Task.sleep(for: .milliseconds(1500))
                return !FileManager.default.fileExists(atPath: bench.temporary.url.appending(path: "health").path)
            }
            let job = try await bench.submitted("music")
            try FileManager.default.removeItem(at: parent)
            let done = try await bench.finished(job.id)
            #expect((done.state, done.attempts) == (.done, 1))
        }
    }

    @Test func theOffersAreTold() async throws {
        let bench = try await Bench()
        #expect(try await bench.queue.offers() == nil)
        try await bench.withWorker { _ in
            try await eventually("they are there") { try await bench.queue.offers() == TrialSeparator().offers }
        }
        let offers = try #require(try await bench.queue.offers())
        try offers.check(JobOptions(model: "trial", twoStems: "vocals"))
        #expect(throws: InvalidOption.self) { try offers.check(JobOptions(model: "htdemucsX")) }
        #expect(throws: InvalidOption.self) { try offers.check(JobOptions(twoStems: "guitar")) }
    }

    @Test func limitsAreReadFromTheEnvironment() throws {
        let limits = try JobLimits(environment: [
            "MSAAS_MAX_SONG_MB": "1.5", "MSAAS_SAMPLE_RATES": "8000-48000", "MSAAS_MAX_JOB_SECONDS": "60",
        ])
        #expect((limits.songBytes, limits.sampleRates, limits.wallClock) == (1_500_000, 8000...48_000, .seconds(60)))
        for (name, value) in [
            ("MSAAS_MAX_SONG_SECONDS", "1e300"), ("MSAAS_MAX_STEMS_MB", "nan"), ("MSAAS_SAMPLE_RATES", "0-1"),
            ("MSAAS_SAMPLE_RATES", "48000-8000"), ("MSAAS_MAX_DISK_MB", "-1"), ("MSAAS_MAX_JOB_SECONDS", "inf"),
        ] {
            let error = #expect(throws: InvalidOption.self) { try JobLimits(environment: [name: value]) }
            #expect(error?.name == name)
        }
    }
}

extension SongMeasure {
    fileprivate static let usual = SongMeasure(seconds: 10, stemBytes: 1000, diskBytes: 1000)
}
