import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// Random sequences of everything that can happen to jobs: whatever comes, each job is in exactly one place.
struct InvariantTests {
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func everyJobIsInExactlyOnePlace(seed: UInt64) async throws {
        var world = World(
            fixture: try QueueFixture(lease: .milliseconds(200), attempts: 3), random: Random(state: seed))
        // Recovery waits one lease after a start of Redis.
        try await eventually("Redis has been up for a second") {
            try await world.fixture.command("INFO", "server").string?.contains("uptime_in_seconds:0") == false
        }
        for step in 0..<400 {
            let deed = try await world.act()
            try await world.check("seed \(seed), step \(step), after \(deed)")
        }
    }
}

private struct World {
    let fixture: QueueFixture
    var random: Random
    var ids: [JobID] = []
    var claims: [Claim] = []
    var committed: [JobID: Int64] = [:]
    let workers = ["a", "b", "c"]

    /// Does something; returns what.
    mutating func act() async throws -> String {
        let queue = fixture.queue
        let worker = workers[random.next(3)]
        let claim = claims.isEmpty ? nil : claims[random.next(claims.count)]
        let id = ids.isEmpty ? JobID.random() : ids[random.next(ids.count)]
        switch (random.next(16), claim) {
        case (0, _), (1, _), (2, _):
            ids.append(try await fixture.enqueued().id)
            return "enqueue"
        case (3, _), (4, _), (5, _):
            if let claim = try await queue.claim(worker: worker, wait: .milliseconds(1)) { claims.append(claim) }
            return "claim"
        case (6, let claim?):
            if try await queue.commit(claim, manifest: manifest(of: claim.job)) == .held {
                #expect(committed[claim.job.id, default: claim.token] == claim.token, "two workers finished one job")
                committed[claim.job.id] = claim.token
            }
            return "commit"
        case (7, let claim?):
            _ = try await queue.fail(claim, reason: "x", retry: random.next(4) > 0)
            return "fail"
        case (8, let claim?):
            try await queue.giveBack(claim)
            return "give back"
        case (9, let claim?):
            _ = try await queue.renew(claim)
            return "renew"
        case (10, _):
            try await fixture.command("ZADD", "msaas:leases", "XX", "1", id.description)
            _ = try await queue.recover()
            return "recover"
        case (11, _):
            _ = try await queue.cancel(id)
            return "cancel"
        case (12, _):
            try await queue.remove(id)
            committed[id] = nil
            claims.removeAll { $0.job.id == id }
            return "remove"
        case (13, _):
            _ = try await queue.retryDead(random.next(2) == 0 ? nil : id)
            return "retry"
        case (14, _):
            // A worker dies right after it took a job, or its reply is lost.
            try await fixture.command("LMOVE", "msaas:queue", "msaas:processing:\(worker)", "RIGHT", "LEFT")
            if random.next(2) == 0 { try await queue.forget(worker: worker) }
            return "take without beginning"
        case (15, let claim?):
            _ = try await queue.seal(claim, manifest: manifest(of: claim.job))
            for sealed in try await queue.unpublished() where random.next(2) == 0 {
                #expect(try await queue.commit(sealed.claim, manifest: sealed.manifest) == .held)
            }
            return "seal"
        default:
            return "nothing"
        }
    }

    func check(_ moment: String) async throws {
        let queue = try await fixture.list("msaas:queue")
        let dead = try await fixture.list("msaas:dead")
        var held: [String: [String]] = [:]
        for worker in workers { held[worker] = try await fixture.list("msaas:processing:\(worker)") }
        let leases = Set(
            try await fixture.command("ZRANGE", "msaas:leases", "0", "-1").array?.compactMap(\.string) ?? [])
        var known = 0
        for id in ids {
            let text = id.description
            let places =
                queue.count { $0 == text } + dead.count { $0 == text }
                + held.values.reduce(0) { $0 + $1.count { $0 == text } }
            let job = try await fixture.queue.job(id)
            known += places
            switch job?.state {
            case .queued:
                #expect(places == 1 && !dead.contains(text) && !leases.contains(text), "\(moment)")
            case .running:
                #expect(places == 1 && held[job?.worker ?? ""]?.contains(text) == true, "\(moment)")
                #expect(leases.contains(text), "\(moment)")
            case .dead:
                #expect(places == 1 && dead.contains(text) && !leases.contains(text), "\(moment)")
            case .done, .failed, .cancelled, .uploaded:
                // What was taken without being begun is swept from the list by the worker's next claim.
                #expect(!queue.contains(text) && !dead.contains(text) && !leases.contains(text), "\(moment)")
            case nil:
                #expect(!queue.contains(text) && !dead.contains(text) && !leases.contains(text), "\(moment)")
            }
            #expect((0...3).contains(job?.attempts ?? 0), "\(moment)")
        }
        let entries = queue.count + dead.count + held.values.reduce(0) { $0 + $1.count }
        #expect(entries == known, "\(moment)")
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
private struct Random {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }
}
