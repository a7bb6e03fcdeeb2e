import Foundation
import HTTPTransport
import Jobs
import LocalStack
import ObjectStorage
import ServiceClient
import TestSupport
import Testing

/// The whole service while its processes are killed and frozen, and its messages are lost and repeated: nothing that it
/// has accepted may be lost, mixed up, done twice or left behind.
///
/// `make chaos` runs it for longer. `CHAOS_SEED` repeats the faults and songs of an earlier run, as far as the machine
/// lets time repeat itself.
@Suite(.serialized) struct ChaosTests {
    @Test func nothingIsLostAndNothingIsLeftBehind() async throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["CHAOS_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999)
        let length = Duration.seconds(environment["CHAOS_SECONDS"].flatMap { Int($0) } ?? 30)
        print("chaos: seed \(seed), \(length)")

        let service = try ServiceUnderFire(workers: 3)
        let address = try await service.start()
        let client = ServiceClient(address: address.http)
        let storage = S3Client(try S3Configuration(environment: address.environment), transport: CurlTransport())
        var book = try SongBook(folder: service.folder.url)
        try await book.learn(from: client, folder: service.folder.url.appending(path: "undisturbed"))
        #expect(book.songs.count { $0.stems.isEmpty } == 1)

        let load = Load(book: book, client: client, storage: storage)
        let vandal = Vandal(service: service, load: load, storage: storage, address: address)
        let end = ContinuousClock.now + length
        async let uploads: Void = upload(load, songs: book.songs.count, seed: seed, until: end)
        let faults = await wreak(vandal, seed: seed, until: end)
        await uploads

        // One that was killed may still be coming up.
        _ = try await service.start()
        let queue = try RedisJobQueue(url: address.redis, options: QueueOptions(connections: 1))
        let inspector = Inspector(
            address: address, client: client, storage: storage, queue: queue, book: book,
            folder: service.folder.url.appending(path: "stems"))
        let accepted = await load.accepted
        var verdict = try await inspector.inspect(accepted, patience: .seconds(240))
        await lookForProcesses(service, &verdict)

        let told = await load.refused
        print(
            """
            chaos: seed \(seed), \(length), \(await service.starts) starts of the service
              faults     \(faults.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.key.rawValue) \($0.value)" }
                .joined(separator: ", "))
              uploads    \(accepted.count) accepted, \(told) refused or cut off, \(verdict.unpromised) done unasked
              ended      \(verdict.done) done, \(verdict.failed.sorted { $0.key < $1.key })
              lost       \(verdict.lost.count)
              mixed up   \(verdict.mixedUp.count)
              repeated   \(verdict.repeated.count)
              left over  \(verdict.leftovers.count)
            """)
        #expect(accepted.count > 0 && verdict.done > 0)
        #expect(
            verdict.isSpotless,
            "\(verdict)\n\(["up", "host", "storage", "worker-1"].map { "--- \($0)\n" + service.log($0) }.joined(separator: "\n"))"
        )
    }

    private func upload(_ load: Load, songs: Int, seed: UInt64, until end: ContinuousClock.Instant) async {
        var numbers = SeededNumbers(seed: seed)
        var count = 0
        await withDiscardingTaskGroup { group in
            while ContinuousClock.now < end {
                let song = Int.random(in: 0..<songs, using: &numbers)
                let straight = Int.random(in: 0..<3, using: &numbers) == 0
                let pause = numbers.pause(mean: .milliseconds(1200))
                count += 1
                group.addTask { [count] in await load.upload(count, song: song, straight: straight) }
                try? await Task.sleep(for: pause)
            }
        }
    }

    private func wreak(_ vandal: Vandal, seed: UInt64, until end: ContinuousClock.Instant) async -> [Fault: Int] {
        var numbers = SeededNumbers(seed: seed &+ 1)
        var faults: [Fault: Int] = [:]
        while ContinuousClock.now < end {
            try? await Task.sleep(for: numbers.pause(mean: .seconds(3)))
            let fault = Fault.random(using: &numbers)
            let length = Duration.milliseconds(Int.random(in: 500...7000, using: &numbers))
            let luck = Int.random(in: 0..<1_000_000, using: &numbers)
            faults[fault, default: 0] += 1
            await vandal.commit(fault, for: length, luck: luck)
        }
        return faults
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
