import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// A Redis in cluster mode takes the queue: all keys lie in one slot.
struct ClusterTests {
    /// A node; it hears the others at `bus`, since its own port and 10,000 may be no port.
    private func node(bus: Int) throws -> ServerProcess {
        try .redis(["--cluster-enabled", "yes", "--cluster-port", String(bus)])
    }

    private func cli(_ node: ServerProcess, _ words: String...) async throws -> String {
        try await Program.run(["redis-cli", "-p", String(node.port)] + words)
    }

    private func queue(_ node: ServerProcess, path: String = "") throws -> RedisJobQueue {
        try RedisJobQueue(
            url: "redis://127.0.0.1:\(node.port)\(path)", options: QueueOptions(timeouts: .init(patience: .seconds(5))))
    }

    private func goThrough(_ queue: RedisJobQueue) async throws {
        let (first, second) = (newJob(), newJob())
        #expect(try await queue.enqueue(first) == .enqueued(position: 1))
        #expect(try await queue.enqueue(second) == .enqueued(position: 2))
        let claim = try #require(try await queue.claim(worker: "w", wait: .seconds(5)))
        #expect(try await queue.renew(claim) == .held)
        #expect(try await queue.outlook(for: second.id)?.position == 1)
        #expect(try await queue.seal(claim, manifest: manifest(of: first)) == .held)
        #expect(try await queue.commit(claim, manifest: manifest(of: first)) == .held)
        #expect(try await queue.cancel(second.id) == .cancelled)
        #expect(try await queue.claim(worker: "w", wait: .milliseconds(10)) == nil)
        #expect(try await queue.recent(limit: 10).count == 2)
        #expect(
            try await queue.knows([
                ObjectWrite(bucket: "a", key: "b", eTag: "c"), .init(bucket: "a", key: "d", eTag: "c"),
            ]) == [false, false])
        #expect(try await queue.recover() == [])
        #expect(try await queue.takeTurn(at: "x", every: .seconds(60)))
        #expect(try await queue.eventLog().events(of: first.id).map(\.kind) == [.enqueued, .started, .sealed, .done])
        let board = RedisAutoscalerBoard(queue: queue)
        try await board.requestDrain("w", by: .operator)
        #expect(try await board.status().drains == ["w": .operator])
    }

    @Test func oneNodeWithAllSlots() async throws {
        let node = try node(bus: try freePort())
        _ = try await cli(node, "cluster", "addslotsrange", "0", "16383")
        try await eventually("the cluster is in order") { try await cli(node, "cluster", "info").contains("state:ok") }
        try await goThrough(try queue(node))
        let error = await #expect(throws: RedisError.self) { try await queue(node, path: "/3").ping() }
        #expect(error?.description.contains("leave the database out of REDIS_URL") == true)
    }

    /// Whichever node it is told of, the queue goes to the one that has its slot.
    @Test func twoNodesThatShareTheSlots() async throws {
        let bus = try freePort()
        let (one, other) = (try node(bus: try freePort()), try node(bus: bus))
        _ = try await cli(one, "cluster", "addslotsrange", "0", "8191")
        _ = try await cli(other, "cluster", "addslotsrange", "8192", "16383")
        _ = try await cli(one, "cluster", "meet", "127.0.0.1", String(other.port), String(bus))
        for node in [one, other] {
            try await eventually("the cluster is in order") {
                try await cli(node, "cluster", "info").contains("state:ok")
            }
        }
        try await goThrough(try queue(one))
        #expect(try await queue(other).recent(limit: 10).count == 2)
    }
}
