import Foundation
import Jobs
import LocalStack
import ObjectStorage
import ServiceClient
import ServiceContract
import TestSupport

/// What has become of every accepted upload, and what was left behind.
struct Verdict: Sendable {
    var done = 0
    var failed: [String: Int] = [:]
    /// Uploads that nobody knows, or that did not come to an end.
    var lost: [String] = []
    /// Stems that are not what an undisturbed run gives.
    var mixedUp: [String] = []
    /// Jobs that were done more than once.
    var repeated: [String] = []
    /// Songs of the small owner that waited for more than one song of another.
    var unfair: [String] = []
    /// Answers that strangers must not get.
    var complaints: [String] = []
    /// What lies where nothing should be.
    var leftovers: [String] = []
    /// Jobs of uploads whose client was not told that they were accepted.
    var unpromised = 0

    var isSpotless: Bool {
        [lost, mixedUp, repeated, unfair, complaints, leftovers].allSatisfy(\.isEmpty)
    }
}

struct Inspector: Sendable {
    let address: StackAddress
    let client: ServiceClient
    let storage: S3Client
    let queue: RedisJobQueue
    let ledger: Ledger
    let book: SongBook
    let folder: URL

    /// Waits until every accepted upload has come to an end, then looks at everything.
    func inspect(_ uploads: [Load.Upload], patience: Duration) async throws -> Verdict {
        var verdict = Verdict()
        let deadline = ContinuousClock.now + patience
        let promised = Set(uploads.map(\.job))
        for upload in uploads {
            var status: JobStatus?
            repeat {
                status = try? await client.status(of: upload.job)
                if status?.state.isFinished == true { break }
                try await Task.sleep(for: .milliseconds(100))
            } while ContinuousClock.now < deadline
            try await judge(upload, status, &verdict)
        }
        // Also those that nobody was promised come to an end.
        while try await queue.depth().waiting + queue.depth().inFlight > 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(100))
        }
        let jobs = try await queue.recent(limit: 10_000)
        verdict.unpromised = jobs.count { !promised.contains($0.id) }
        let end = try await queue.eventLog().end()
        while await ledger.end < end, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(50)) }
        let owners = Dictionary(jobs.map { ($0.id, $0.owner ?? "") }) { $1 }
        verdict.repeated = await ledger.repeats
        verdict.unfair = await ledger.unfairWaits(of: .small, owners: owners)
        try await lookIntoRedis(&verdict)
        try await lookIntoBuckets(&verdict)
        return verdict
    }

    private func judge(_ upload: Load.Upload, _ status: JobStatus?, _ verdict: inout Verdict) async throws {
        guard let status, status.state.isFinished else {
            verdict.lost.append("\(upload.key): \(status.map { "still \($0.state.rawValue)" } ?? "not known")")
            return
        }
        let song = book.songs[upload.song]
        let expected = song.stems
        guard status.state == .done else {
            let reason = status.error ?? ""
            if reason.isEmpty { verdict.lost.append("\(upload.key) is \(status.state.rawValue) without a reason") }
            let isOrderly = !song.isSound
            verdict.failed[isOrderly ? song.name : "\(song.name) is \(status.state.rawValue): \(reason)", default: 0] +=
                1
            if !isOrderly { verdict.lost.append("\(upload.key) is \(status.state.rawValue): \(reason)") }
            return
        }
        verdict.done += 1
        if !song.isSound { verdict.mixedUp.append("\(upload.key) was done, and is \(song.name)") }
        let stems = status.stems
        if Set(stems.map(\.name)) != Set(expected.keys) { verdict.mixedUp.append("\(upload.key) has other stems") }
        let place = folder.appending(path: upload.job.description)
        for stem in stems {
            let file = try await client.download(stem, of: upload.job, to: place)
            if try Data(contentsOf: file) != expected[stem.name] {
                verdict.mixedUp.append("\(upload.key): \(stem.name)")
            }
        }
        try? FileManager.default.removeItem(at: place)
    }

    private func lookIntoRedis(_ verdict: inout Verdict) async throws {
        let client = queue.pool.client
        for key in try await client.send(["KEYS", "{msaas}:queue:*"]).array ?? [] {
            verdict.leftovers.append("Redis: \(key.string ?? "")")
        }
        for key in ["{msaas}:queue", "{msaas}:leases"] {
            let count = try await client.send(["ZCARD", RedisArgument(key)]).integer ?? 0
            if count > 0 { verdict.leftovers.append("Redis: \(count) in \(key)") }
        }
    }

    /// The output bucket holds the manifests and what they name, and nothing else.
    private func lookIntoBuckets(_ verdict: inout Verdict) async throws {
        var keys: Set<String> = []
        for try await object in storage.objects("output") { keys.insert(object.key) }
        for job in try await queue.recent(limit: 10_000) where job.state == .done {
            keys.remove(Manifest.key(of: job.id))
            for record in job.stems + [job.original].compactMap({ $0 }) {
                for key in record.keys(of: job.id) { keys.remove(key) }
            }
        }
        verdict.leftovers += keys.sorted().map { "output: \($0)" }
        for bucket in ["queue", "output"] {
            for upload in try await storage.unfinishedUploads(bucket) {
                verdict.leftovers.append("unfinished upload: \(bucket)/\(upload.key)")
            }
        }
    }
}
