import EnvironmentSettings
import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// The rules stand in Redis, and all go by those.
struct RulesTests {
    private func queue(_ fixture: QueueFixture, lease: Int?, as program: String = "late") -> RedisJobQueue {
        var options = QueueOptions(lease: lease.map { .seconds($0) }, timeouts: .init(patience: .zero))
        options.program = program
        return RedisJobQueue(address: fixture.queue.address, options: options)
    }

    @Test func whoStatesNothingTakesWhatThereIs() async throws {
        let fixture = try QueueFixture(lease: .seconds(7), attempts: 9)
        try await fixture.queue.ping()
        let other = queue(fixture, lease: nil)
        #expect(try await other.rules().lease == .seconds(7))
        #expect(try await other.rules()[.attempts] == 9)
        let job = newJob()
        _ = try await other.enqueue(job)
        _ = try await other.claim(worker: "w", wait: .zero)
        let end = try #require(try await fixture.command("ZSCORE", "{msaas}:leases", job.id.description).integer)
        let time = try #require(try await fixture.command("TIME").array?.first?.integer) * 1000
        #expect((5000...8000).contains(end - time), "its claims have the lease of the queue")
    }

    @Test func otherRulesAreRefusedWhileAWorkerWorksByThem() async throws {
        let fixture = try QueueFixture(lease: .seconds(7))
        try await fixture.queue.heartbeat(WorkerRecord(id: "worker-1"))
        try await queue(fixture, lease: 7).ping()
        let error = try await #require(throws: RedisError.self) { try await queue(fixture, lease: 60).ping() }
        let sentence = error.description
        #expect(sentence.contains("MSAAS_LEASE_SECONDS is 60 s here, but the queue goes by 7 s"), "\(sentence)")
        #expect(sentence.contains(fixture.queue.options.program) && sentence.contains("worker-1"), "\(sentence)")
        #expect(!error.isTransient)
        #expect(try await fixture.queue.rules().lease == .seconds(7))
        // The worker itself may come back with others, and so may anybody once it is gone.
        try await queue(fixture, lease: 8, as: "worker-1").ping()
        try await fixture.queue.forget(worker: "worker-1")
        try await queue(fixture, lease: 60).ping()
        #expect(try await fixture.queue.rules().lease == .seconds(60))
        #expect(try await fixture.queue.rules().authors[.lease] == "late")
    }

    @Test func rulesCanBeChangedForAll() async throws {
        let fixture = try QueueFixture(lease: .seconds(7))
        try await fixture.queue.heartbeat(WorkerRecord(id: "worker-1"))
        // Over new connections, too, the change stays in force for those who are there.
        try await fixture.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        try await queue(fixture, lease: nil, as: "msaas rules").change([.lease: 9000, .returns: 3])
        let rules = try await fixture.queue.rules()
        #expect(rules.lease == .seconds(9) && rules[.returns] == 3 && rules[.attempts] == 3)
        #expect(rules.authors[.returns] == "msaas rules")
    }

    @Test func manyProgramsThatStartAtOnceAgreeOnOne() async throws {
        let fixture = try QueueFixture(lease: .seconds(7))
        try await fixture.queue.heartbeat(WorkerRecord(id: "worker-1"))
        let programs = (0..<20).map { queue(fixture, lease: 7 + $0 % 2, as: "p\($0)") }
        let refused = try await withThrowingTaskGroup(of: Bool.self) { group in
            for program in programs {
                group.addTask {
                    do { try await program.ping() } catch is RedisError { return true }; return false
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(refused == 10)
    }

    @Test func variablesStateRules() throws {
        let options = try QueueOptions(environment: [
            "MSAAS_LEASE_SECONDS": "1.5", "MSAAS_RETENTION_DAYS": "2", "MSAAS_MAX_RETURNS": "7", "MSAAS_MAX_TRIES": "",
        ])
        #expect(options.rules == [.lease: 1500, .retention: 172_800_000, .returns: 7])
        #expect(throws: ConfigurationError.self) { try QueueOptions(environment: ["MSAAS_MAX_RETURNS": "0"]) }
    }
}
