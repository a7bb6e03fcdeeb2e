import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// Random sequences of legal and illegal transitions from several clients: after each, the queue in Redis is what the model
/// says, in every answer, every state and the whole order of waiting.
struct MachineTests {
    @Test(arguments: [UInt64(1), 2, 3, 4, 5, UInt64.random(in: 6 ... .max)])
    func theMachineIsAsItsModelSays(seed: UInt64) async throws {
        var world = try await World(seed: seed)
        for step in 0..<250 {
            let moment = "seed \(seed), step \(step)"
            let deed = try await world.act(moment)
            try await world.check("\(moment), after \(deed)")
        }
    }
}

private struct World {
    let fixture: QueueFixture
    let clients: [RedisJobQueue]
    var random: Random
    var model: MachineModel
    var ids: [JobID] = []
    var claims: [Claim] = []
    var writes = 0

    static let policies: [String: OwnerPolicy] = [
        "": OwnerPolicy(), "heavy": OwnerPolicy(weight: 3), "light": OwnerPolicy(weight: 2),
        "first": OwnerPolicy(priority: 1),
    ]

    init(seed: UInt64) async throws {
        fixture = try QueueFixture(lease: .seconds(600), attempts: MachineModel.attempts)
        try await fixture.queue.change([.returns: MachineModel.returns])
        try await fixture.queue.recover()
        clients = [fixture.queue, fixture.another(), fixture.another()]
        random = Random(state: seed)
        model = MachineModel(
            parts: Self.policies.mapValues { MachineModel.Part(weight: $0.weight, priority: $0.priority) })
    }

    /// Does something with the queue and with the model, compares their answers, and says what it was.
    mutating func act(_ moment: String) async throws -> String {
        let queue = clients[random.next(clients.count)]
        let id = ids.isEmpty ? JobID.random() : ids[random.next(ids.count)]
        let claim = claims.isEmpty ? nil : claims[random.next(claims.count)]
        switch (random.next(22), claim) {
        case (0...4, _): return try await admit(.random(), queue, moment)
        case (5, _), (6, _): return try await admit(id, queue, moment)
        case (7...10, _):
            let taken = try await queue.claim(worker: "w\(random.next(3))", wait: .zero)
            let expected = model.take()
            #expect(taken?.job.id == expected?.0 && taken?.token == expected?.1, "\(moment): claim")
            if let taken { claims.append(taken) }
            return "claim"
        case (11, let claim?):
            let status = try await queue.commit(claim, manifest: manifest(of: claim.job))
            let expected = model.commit(claim.job.id, claim.token)
            #expect(status == expected, "\(moment): commit")
            return "commit"
        case (12, let claim?):
            let retry = random.next(3) > 0
            let state = try await queue.fail(claim, reason: "x", retry: retry)
            let expected = model.fail(claim.job.id, claim.token, retry: retry)
            #expect(state == expected, "\(moment): fail")
            return "fail"
        case (13, let claim?), (14, let claim?): return try await giveBack(claim, queue, moment)
        case (15, let claim?):
            #expect(try await queue.renew(claim) == model.standing(claim.job.id, claim.token), "\(moment): renew")
            let status = try await queue.report(claim, progress: 0.5, audioSeconds: 10)
            #expect(status == model.standing(claim.job.id, claim.token), "\(moment): report")
            return "renew and report"
        case (16, let claim?):
            let status = try await queue.seal(claim, manifest: manifest(of: claim.job))
            let expected = model.seal(claim.job.id, claim.token)
            #expect(status == expected, "\(moment): seal")
            return "seal"
        case (17, _): return try await expire(queue, moment)
        case (18, _):
            let expected = model.cancel(id)
            #expect(try await queue.cancel(id) == expected, "\(moment): cancel")
            return "cancel"
        case (19, _):
            try await queue.remove(id)
            model.remove(id)
            claims.removeAll { $0.job.id == id }
            return "remove"
        case (20, _): return try await retry(random.next(2) == 0 ? nil : id, queue, moment)
        case (21, let claim?):
            try await queue.forget(worker: claim.job.worker ?? "")
            return "forget"
        default: return "nothing"
        }
    }

    /// A write of a job's object, new or the last one again, is taken in or refused.
    private mutating func admit(_ id: JobID, _ queue: RedisJobQueue, _ moment: String) async throws -> String {
        let owners = Self.policies.keys.sorted()
        let owner = model.jobs[id]?.owner ?? owners[random.next(owners.count)]
        var write = ObjectWrite(bucket: "queue", key: "\(id)/song.mp3", eTag: "e\(random.next(2))")
        if let last = model.jobs[id]?.write, random.next(3) == 0 {
            write = last
        } else {
            writes += 1
            write.lastModified = Date(timeIntervalSince1970: Double(writes))
        }
        if !ids.contains(id) { ids.append(id) }
        let job = Job(write: write, owner: owner.isEmpty ? nil : owner)
        if random.next(6) == 0 {
            let state = try await queue.reject(job, reason: "no")
            let expected = model.reject(id, owner, write)
            #expect(state == expected, "\(moment): reject")
            return "reject"
        }
        let outcome = try await queue.enqueue(job, under: Self.policies[owner] ?? OwnerPolicy())
        let expected = model.enqueue(id, owner, write)
        switch outcome {
        case .enqueued(let position):
            #expect(expected == ("enqueued", nil), "\(moment): enqueue")
            #expect(model.order().firstIndex(of: id) == position - 1, "\(moment): position")
        case .readmitted(let position, let before):
            #expect(expected == ("readmitted", before), "\(moment): enqueue")
            #expect(model.order().firstIndex(of: id) == position - 1, "\(moment): position")
        case .alreadyKnown(let state): #expect(expected == ("known", state), "\(moment): enqueue")
        case .overQuota: Issue.record("\(moment): there is no quota")
        }
        return "enqueue"
    }

    private mutating func giveBack(_ claim: Claim, _ queue: RedisJobQueue, _ moment: String) async throws -> String {
        let causes: [(GivingBack, Bool, Bool)] = [
            (.interrupted, true, false), (.unfit(reason: "x"), false, false), (.noRoom(reason: "x"), false, true),
        ]
        let (cause, next, counts) = causes[random.next(3)]
        let state = try await queue.giveBack(claim, cause)
        let expected = model.giveBack(claim.job.id, claim.token, next: next, counts: counts)
        #expect(state == expected, "\(moment): give back")
        return "give back"
    }

    /// The leases of one or two jobs run out.
    private mutating func expire(_ queue: RedisJobQueue, _ moment: String) async throws -> String {
        let running = ids.filter { model.jobs[$0]?.state == .running }
        guard !running.isEmpty else { return "nothing to recover" }
        var expired = [running[random.next(running.count)]]
        let other = running[random.next(running.count)]
        if other != expired[0] { expired.append(other) }
        for (index, id) in expired.enumerated() {
            try await fixture.command("ZADD", "{msaas}:leases", "XX", "\(index + 1)", id.description)
        }
        if random.next(3) == 0 {
            // Redis was away, and every holder has a whole lease again.
            try await fixture.command("SET", "{msaas}:looked", "\(random.next(1000))")
            model.handedOver = []
            #expect(try await queue.recover() == [], "\(moment): recover after an absence")
            #expect(try await queue.recover() == [], "\(moment): recover after that")
            #expect(try await queue.unpublished().isEmpty, "\(moment): unpublished after an absence")
            return "recover after an absence"
        }
        let moved = model.recover(expired)
        #expect(try await queue.recover() == moved, "\(moment): recover")
        let sealed = model.handedOver.union(expired)
            .filter { model.jobs[$0]?.isSealed == true && model.jobs[$0]?.state == .running }
        model.handedOver = []
        let found = try await queue.unpublished()
        #expect(Set(found.map(\.claim.job.id)) == sealed, "\(moment): unpublished")
        for job in found where random.next(2) == 0 {
            #expect(try await queue.commit(job.claim, manifest: job.manifest) == .held, "\(moment): publish")
            let status = model.commit(job.claim.job.id, job.claim.token)
            #expect(status == .held, "\(moment): publish")
        }
        return "recover"
    }

    private mutating func retry(_ id: JobID?, _ queue: RedisJobQueue, _ moment: String) async throws -> String {
        let dead = Set(model.jobs.filter { $0.value.state == .dead }.keys)
        let revived = try await queue.retry(id)
        if let id {
            let expected = model.retry(id) ? [id] : []
            #expect(revived == expected, "\(moment): retry")
        } else {
            #expect(Set(revived) == dead, "\(moment): retry")
            for id in revived {
                let isRevived = model.retry(id)
                #expect(isRevived, "\(moment): retry")
            }
        }
        return "retry"
    }

    func check(_ moment: String) async throws {
        let queue = clients[0]
        let depth = QueueDepth(waiting: model.waiting, inFlight: model.count(.running), dead: model.count(.dead))
        #expect(try await queue.depth() == depth, "\(moment)")
        #expect(Set(try await fixture.members("{msaas}:leases")).count == depth.inFlight, "\(moment)")
        let order = model.order()
        for id in ids {
            let (job, entry) = (try await queue.outlook(for: id), model.jobs[id])
            #expect(job?.job.state == entry?.state, "\(moment)")
            #expect(job?.job.attempts == entry?.attempts && job?.job.returns == entry?.returns, "\(moment)")
            #expect(job?.position == order.firstIndex(of: id).map { $0 + 1 }, "\(moment)")
        }
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
