import Foundation
import HTTPTransport
import Jobs
import LocalStack
import ObjectStorage
import ServiceClient
import Synchronization
import Pacing
import TestSupport
import Testing

/// The whole service while its processes are killed and frozen, its disks are full, its messages are lost and repeated, its objects
/// damaged, and strangers send what they like: nothing that it has accepted may be lost, mixed up, done twice or left
/// behind, and who sends little waits for one song at most of who sends much.
///
/// Without `CHAOS_SECONDS` each fault comes once, in order. `make chaos` draws them for twenty minutes; `CHAOS_SEED` repeats the faults and
/// songs of an earlier run, as far as the machine lets time repeat itself.
@Suite(.serialized) struct ChaosTests {
    @Test func nothingIsLostAndNothingIsLeftBehind() async throws {
        let environment = ProcessInfo.processInfo.environment
        let length = environment["CHAOS_SECONDS"].flatMap { Int($0) }.map { Duration.seconds($0) }
        let seed =
            environment["CHAOS_SEED"].flatMap { UInt64($0) } ?? (length == nil ? 1 : UInt64.random(in: 1...999_999))
        try await ServiceUnderFire.with(workers: 3, megabytes: length == nil ? 256 : 3072) { service in
            print(
                "chaos: seed \(seed), \(length.map { "\($0)" } ?? "each fault once"), "
                    + (service.disks == nil ? "no disks of its own (not root)" : "small disks"))
            let stage = try await Stage(service)
            let isOver = Mutex(false)
            let goesOn: @Sendable () -> Bool = { !isOver.withLock { $0 } }
            async let flood: Void = stage.load.flood(seed: seed, while: goesOn)
            async let small: Void = stage.load.smallOwner(seed: seed &+ 2, while: goesOn)
            let following = Task { try await stage.ledger.follow(stage.queue) }
            defer { following.cancel() }
            var (faults, complaints) =
                if let length {
                    await wreak(stage.vandal, seed: seed, for: length)
                } else {
                    await wreakEachOnce(stage.vandal)
                }
            isOver.withLock { $0 = true }
            _ = await (flood, small)
            // One that was killed may still be coming up.
            _ = try await service.start()
            await judge(
                stage, title: "seed \(seed), \(length.map { "\($0)" } ?? "each fault once")", &faults, &complaints)
        }
    }

    @Test func strangersHoldNobodyUp() async throws {
        try await ServiceUnderFire.with(workers: 2, megabytes: 256) { service in
            let stage = try await Stage(service)
            let following = Task { try await stage.ledger.follow(stage.queue) }
            defer { following.cancel() }
            // All kinds at once, again and again, until twelve songs have been sent and have ended.
            let isOver = Mutex(false)
            async let attacks = attack(stage.vandal.strangers) { !isOver.withLock { $0 } }
            for number in 0..<12 {
                let song = stage.book.sound[number % stage.book.sound.count]
                let upload = await stage.load.upload(number, song: song, number % 3 == 0 ? .bucket : .function(.small))
                #expect(upload != nil, "song \(number) was refused")
            }
            let uploads = await stage.load.accepted
            try await eventually("all songs have ended") {
                for upload in uploads where try await stage.client.status(of: upload.job).state.isFinished == false {
                    return false
                }
                return true
            }
            isOver.withLock { $0 = true }
            var complaints = await attacks
            var faults: [Fault: Int] = [:]
            await judge(stage, title: "strangers", &faults, &complaints)
        }
    }

    private func attack(_ strangers: Strangers, while goesOn: @Sendable () -> Bool) async -> [String] {
        var complaints: [String] = []
        repeat { complaints += await strangers.attack(kinds: Stranger.allCases, for: .seconds(3)) } while goesOn()
        return complaints
    }

    private func wreak(_ vandal: Vandal, seed: UInt64, for length: Duration) async -> ([Fault: Int], [String]) {
        var numbers = SeededGenerator(seed: seed &+ 1)
        var faults: [Fault: Int] = [:]
        var complaints: [String] = []
        let end = ContinuousClock.now + length
        while ContinuousClock.now < end {
            try? await Task.sleep(for: numbers.pause(mean: .seconds(3)))
            let fault = Fault.random(using: &numbers)
            let length = Duration.milliseconds(Int.random(in: 500...7000, using: &numbers))
            let luck = Int.random(in: 0..<1_000_000, using: &numbers)
            faults[fault, default: 0] += 1
            complaints += await vandal.commit(fault, for: length, luck: luck)
        }
        return (faults, complaints)
    }

    private func wreakEachOnce(_ vandal: Vandal) async -> ([Fault: Int], [String]) {
        var complaints: [String] = []
        for (luck, fault) in Fault.allCases.enumerated() {
            complaints += await vandal.commit(fault, for: .milliseconds(1500), luck: luck)
            try? await Task.sleep(for: .milliseconds(500))
        }
        return (Dictionary(uniqueKeysWithValues: Fault.allCases.map { ($0, 1) }), complaints)
    }

    private func judge(_ stage: Stage, title: String, _ faults: inout [Fault: Int], _ complaints: inout [String]) async
    {
        let service = stage.service
        let accepted = await stage.load.accepted
        var verdict = Verdict()
        do {
            verdict = try await stage.inspector.inspect(accepted, patience: .seconds(300))
        } catch {
            verdict.lost.append("the service could not be looked into: \(error)")
        }
        verdict.complaints += complaints
        await lookForProcesses(service, &verdict)
        print(
            """
            chaos: \(title), \(await service.starts) starts of the service
              faults     \(faults.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.rawValue) \($0.value)" }
                .joined(separator: ", "))
              uploads    \(accepted.count) accepted, \(await stage.load.refused) refused or cut off, \(verdict.unpromised) done unasked
              ended      \(verdict.done) done, \(verdict.failed.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
                .joined(separator: ", "))
              lost       \(verdict.lost.count)
              mixed up   \(verdict.mixedUp.count)
              repeated   \(verdict.repeated.count)
              unfair     \(verdict.unfair.count) of \(accepted.count { $0.owner == .small }) songs of the small owner
              complaints \(verdict.complaints.count)
              left over  \(verdict.leftovers.count)
            """)
        #expect(accepted.count > 0 && verdict.done > 0)
        #expect(
            verdict.isSpotless,
            "\(verdict)\n\(["up", "host", "storage", "worker-1"].map { "--- \($0)\n" + service.log($0) }.joined(separator: "\n"))"
        )
    }

    /// Without jobs the workers go; after SIGTERM everything else does, and takes its temporary files along.
    private func lookForProcesses(_ service: ServiceUnderFire, _ verdict: inout Verdict) async {
        let deadline = ContinuousClock.now + .seconds(60)
        while !service.processes(.worker).isEmpty, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(100))
        }
        if !service.processes(.worker).isEmpty { verdict.leftovers.append("workers without a job") }
        let status = await service.stop()
        if status != 0 { verdict.leftovers.append("msaas up ended with \(status)") }
        for process in service.processes() { verdict.leftovers.append("process \(process)") }
        let files = (try? FileManager.default.subpathsOfDirectory(atPath: service.temporary.path)) ?? []
        // A worker that was killed leaves its folder to the next one.
        for file in files where file.contains("/") { verdict.leftovers.append("temporary file \(file)") }
    }
}

/// A running service with everybody who has to do with it, and songs whose stems are known.
private struct Stage: Sendable {
    let service: ServiceUnderFire
    let client: ServiceClient
    let queue: RedisJobQueue
    let book: SongBook
    let load: Load
    let ledger = Ledger()
    let vandal: Vandal
    let inspector: Inspector

    init(_ service: ServiceUnderFire) async throws {
        let address = try await service.start()
        func client(_ name: String) -> ServiceClient {
            ServiceClient(address: address.http, key: ServiceUnderFire.key(name))
        }
        // Who uploads is told at once what became of it; a song that is sent again would be another one.
        func uploader(_ name: String) -> ServiceClient {
            var client = client(name)
            client.retry = .never
            return client
        }
        let storage = S3Client(try S3Configuration(environment: address.environment), transport: CurlTransport())
        var book = try SongBook(folder: service.folder.url)
        try await book.learn(from: client("admin"), folder: service.folder.url.appending(path: "undisturbed"))
        self.service = service
        self.client = client("admin")
        self.book = book
        queue = try RedisJobQueue(url: address.redis, options: QueueOptions(connections: 1))
        load = Load(book: book, clients: [.flood: uploader("flood"), .small: uploader("small")], storage: storage)
        vandal = Vandal(
            service: service, load: load, storage: storage, address: address,
            strangers: Strangers(address: address, key: ServiceUnderFire.key("flood"), storage: storage))
        inspector = Inspector(
            address: address, client: self.client, storage: storage, queue: queue, ledger: ledger, book: book,
            folder: service.folder.url.appending(path: "stems"))
    }
}
