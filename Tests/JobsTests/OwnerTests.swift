import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// Turns, priorities and quotas of owners, and what is set aside.
struct OwnerTests {
    private func song(of owner: String?, bytes: Int = 0, seconds: Double? = nil) -> Job {
        let id = JobID.random()
        let key = "\(id)/song.mp3"
        return Job(
            id: id, bucket: "queue", key: key, filename: "song.mp3", owner: owner,
            write: ObjectWrite(bucket: "queue", key: key, eTag: "e", size: bytes), audioSeconds: seconds)
    }

    private func claimedOwners(_ fixture: QueueFixture, _ count: Int) async throws -> [String] {
        var owners: [String] = []
        for _ in 0..<count { owners.append(try await fixture.claimed().job.owner ?? "") }
        return owners
    }

    @Test func oneOwnersFloodDoesNotDelayAnothersSong() async throws {
        let fixture = try QueueFixture()
        var flood: [Job] = []
        for _ in 0..<300 {
            flood.append(song(of: "flood"))
            _ = try await fixture.queue.enqueue(flood[flood.count - 1])
        }
        #expect(try await claimedOwners(fixture, 3) == ["flood", "flood", "flood"])
        let small = song(of: "small")
        #expect(try await fixture.queue.enqueue(small) == .enqueued(position: 1))
        #expect(try await fixture.queue.position(of: flood[3].id) == 2)
        #expect(try await claimedOwners(fixture, 2) == ["small", "flood"])
        // Whoever was away has not saved up turns.
        for _ in 0..<3 { _ = try await fixture.queue.enqueue(song(of: "small")) }
        #expect(try await claimedOwners(fixture, 5).filter { $0 == "small" }.count == 3)
        #expect(try await fixture.queue.depth().waiting == 294)
    }

    @Test func weightsAndPrioritiesCount() async throws {
        let fixture = try QueueFixture()
        for _ in 0..<8 {
            _ = try await fixture.queue.enqueue(song(of: "a"), under: OwnerPolicy(weight: 3))
            _ = try await fixture.queue.enqueue(song(of: "b"))
        }
        _ = try await fixture.queue.enqueue(song(of: "late"), under: OwnerPolicy(priority: -1))
        let urgent = song(of: "urgent")
        #expect(try await fixture.queue.enqueue(urgent, under: OwnerPolicy(priority: 5)) == .enqueued(position: 1))
        let owners = try await claimedOwners(fixture, 18)
        #expect(owners.first == "urgent" && owners.last == "late")
        #expect(owners[1...8].filter { $0 == "a" }.count == 6, "three of a for each of b: \(owners)")
    }

    @Test func anInterruptedSongKeepsItsTurn() async throws {
        let fixture = try QueueFixture()
        for owner in ["a", "b", "a", "b"] { _ = try await fixture.queue.enqueue(song(of: owner)) }
        let claim = try await fixture.claimed()
        _ = try await fixture.queue.giveBack(claim)
        #expect(try await fixture.queue.position(of: claim.job.id) == 1)
        #expect(try await claimedOwners(fixture, 4) == ["a", "b", "a", "b"])
    }

    @Test func aSongWithoutRoomGoesToTheBackAndFailsInTheEnd() async throws {
        let fixture = try QueueFixture()
        try await fixture.queue.change([.returns: 2])
        let (large, small) = (try await fixture.enqueued(), try await fixture.enqueued())
        let first = try await fixture.claimed()
        #expect(try await fixture.queue.giveBack(first, .noRoom(reason: "It needs 9 GB.")) == .queued)
        #expect(try await fixture.queue.position(of: large.id) == 2, "behind the song that fits")
        let fits = try await fixture.claimed()
        #expect(fits.job.id == small.id)
        let second = try await fixture.claimed()
        #expect((second.job.attempts, second.job.returns) == (1, 1))
        #expect(try await fixture.queue.giveBack(second, .noRoom(reason: "It needs 9 GB.")) == .failed)
        let failed = try #require(try await fixture.queue.job(large.id))
        #expect(failed.error == "It needs 9 GB. No worker had room for it in 2 tries.")
        #expect(try await fixture.queue.retry(large.id) == [large.id])
        #expect(try await fixture.queue.job(large.id)?.returns == 0)
        // A worker that cannot work burns no song.
        for _ in 0..<5 {
            let claim = try await fixture.claimed()
            #expect(try await fixture.queue.giveBack(claim, .unfit(reason: "The folder is gone.")) == .queued)
        }
        #expect(try await fixture.queue.job(large.id)?.attempts == 0)
    }

    @Test func quotasAreKept() async throws {
        let fixture = try QueueFixture()
        func limit(_ outcome: EnqueueOutcome) -> OverQuota.Limit? {
            if case .overQuota(let over) = outcome { over.limit } else { nil }
        }
        let queue = fixture.queue
        let two = OwnerPolicy(maxWaiting: 2)
        for _ in 0..<2 { _ = try await queue.enqueue(song(of: "a"), under: two) }
        let third = song(of: "a")
        #expect(limit(try await queue.enqueue(third, under: two)) == .waiting)
        let over = try #require(try await queue.quota(of: "a", under: two))
        #expect(over.limit == .waiting && (1...600).contains(over.retryAfter) && over.description.hasSuffix(" s."))
        #expect(try await queue.job(third.id) == nil, "nothing was changed")
        #expect(limit(try await queue.enqueue(song(of: "b"), under: two)) == nil, "others are not concerned")
        _ = try await fixture.claimed()
        #expect(try await queue.quota(of: "a", under: two) == nil)

        let bytes = OwnerPolicy(bytesPerDay: 100)
        #expect(limit(try await queue.enqueue(song(of: "c", bytes: 60), under: bytes)) == nil)
        #expect(limit(try await queue.enqueue(song(of: "c", bytes: 60), under: bytes)) == .bytes)
        #expect(try #require(try await queue.quota(of: "c", under: bytes, bytes: 41)).retryAfter <= 86_400)
        #expect(limit(try await queue.enqueue(song(of: "c", bytes: 40), under: bytes)) == nil)

        let seconds = OwnerPolicy(secondsPerDay: 100)
        #expect(limit(try await queue.enqueue(song(of: "d", seconds: 90), under: seconds)) == nil)
        #expect(limit(try await queue.enqueue(song(of: "d", seconds: 90), under: seconds)) == nil)
        #expect(limit(try await queue.enqueue(song(of: "d", seconds: 1), under: seconds)) == .seconds)
    }

    @Test func jobsAreListedByOwner() async throws {
        let fixture = try QueueFixture()
        let (a, b) = (song(of: "a"), song(of: "b"))
        for job in [a, b] { _ = try await fixture.queue.enqueue(job) }
        let nobody = try await fixture.enqueued()
        #expect(try await fixture.queue.recent(limit: 10, owner: "a").map(\.id) == [a.id])
        #expect(Set(try await fixture.queue.recent(limit: 10).map(\.id)) == [a.id, b.id, nobody.id])
        #expect(Viewer.owner("a").maySee(ownedBy: "a"))
        #expect(Viewer.guest(a.id).maySee(a.id, ownedBy: "a") && !Viewer.guest(a.id).maySee(b.id, ownedBy: "a"))
        #expect(!Viewer.guest(a.id).maySee(ownedBy: "a") && !Viewer.owner("b").maySee(a.id, ownedBy: "a"))
        #expect(!Viewer.owner("a").maySee(ownedBy: "b") && !Viewer.owner("a").maySee(ownedBy: nil))
        #expect(Viewer.admin.maySee(a.id, ownedBy: "b") && Viewer.everybody.maySee(ownedBy: nil))
    }

    @Test func objectsAreSetAsideAfterAFewTries() async throws {
        let fixture = try QueueFixture()
        let queue = fixture.queue
        try await queue.change([.tries: 3])
        #expect(try await !queue.setAside("queue", "a", reason: "The storage answers with 65 KB of headers."))
        #expect(try await !queue.setAside("queue", "a", reason: "again"))
        #expect(try await !queue.isAside("queue", "a"))
        #expect(try await queue.listAside().isEmpty)
        #expect(try await queue.setAside("queue", "a", reason: "a third time"))
        #expect(try await queue.isAside("queue", "a"))
        let aside = try #require(try await queue.listAside().first)
        #expect((aside.bucket, aside.key, aside.reason, aside.tries) == ("queue", "a", "a third time", 3))
        #expect(try await queue.retryAside(("queue", "other")).isEmpty)
        #expect(try await queue.retryAside(("queue", "a")).map(\.key) == ["a"])
        #expect(try await !queue.isAside("queue", "a"))
        #expect(try await !queue.setAside("queue", "a", reason: "from the beginning"))
        #expect(try await queue.countTried(within: .seconds(300)) == 1)
        try await queue.settleAside("queue", "a")
        #expect(try await fixture.command("HLEN", "{msaas}:aside") == .integer(0))
        #expect(try await queue.countTried(within: .seconds(300)) == 0)
    }

    /// Whoever takes an object in, by whatever way, ends what was counted against it.
    @Test func whatIsTakenInIsNoLongerAside() async throws {
        let fixture = try QueueFixture()
        let queue = fixture.queue
        let (song, wrong) = (newJob("a.mp3"), newJob("b.mp3"))
        for job in [song, wrong] { try await queue.setAside(job.bucket, job.key, reason: "no") }
        _ = try await queue.enqueue(song)
        try await queue.reject(wrong, reason: "no")
        #expect(try await fixture.command("HLEN", "{msaas}:aside") == .integer(0))
        #expect(try await fixture.command("ZCARD", "{msaas}:aside:times") == .integer(0))
    }
}
