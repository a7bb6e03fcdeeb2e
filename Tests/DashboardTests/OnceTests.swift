import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// The program without a terminal.
@Suite struct OnceTests {
    @Test func textOfOneLook() async throws {
        let service = try Service()
        try await service.fill()
        let result = try service.output(["dashboard", "--once", "--redis-url", service.url])
        #expect(result.code == 0)
        #expect(result.text.contains("BACKLOG 5: 3 waiting · 2 in flight"))
        #expect(result.text.contains("worker-2"))
        #expect(result.text.contains("The file is damaged."))
        #expect(!result.text.contains("\u{1b}"))
        // Without a terminal a live view makes no sense.
        let plain = try service.output(["dashboard"], environment: ["REDIS_URL": service.url, "TERM": "xterm"])
        #expect(plain.code == 0)
        #expect(plain.text.contains("BACKLOG 5"))
    }

    @Test func jsonOfOneLook() async throws {
        let service = try Service()
        try await service.fill()
        try await service.board.setControl(.override(3))
        try await service.board.requestDrain("worker-1", by: .operator)
        let report = try json(service.output(["dashboard", "--json", "--redis-url", service.url]).text)
        #expect((report["queue"] as? [String: Int]) == ["waiting": 3, "inFlight": 2, "dead": 1])
        #expect((report["control"] as? [String: Any])?["override"] as? Int == 3)
        let autoscaler = try #require(report["autoscaler"] as? [String: Any])
        #expect((autoscaler["replicas"] as? [String: Int]) == ["now": 5, "wanted": 7, "ready": 4, "pending": 1])
        #expect((autoscaler["reasons"] as? [[String: String]])?.last?["code"] == "memory-capped")
        let workers = try #require(report["workers"] as? [[String: Any]])
        #expect(workers.map { $0["id"] as? String } == ["worker-0", "worker-1", "worker-2"])
        #expect(workers[0]["song"] as? String == Scene.songs[0])
        #expect(workers[1]["drainRequestedBy"] as? String == "operator")
        let events = try #require(report["events"] as? [[String: Any]])
        #expect(events.first?["kind"] as? String == "dead")
    }

    /// Redis answers, and yet forgets jobs when it is full.
    @Test func troubleOfRedisIsShown() async throws {
        let service = try Service(redis: .redis(["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]))
        for _ in 0..<5 { try await service.queue.setAside("queue", "broken", reason: "It cannot be read.") }
        let report = try json(service.output(["dashboard", "--json", "--redis-url", service.url]).text)
        #expect((report["warnings"] as? [String])?.first?.contains("allkeys-lru") == true)
        #expect(report["aside"] as? Int == 1)
        let text = try service.output(["dashboard", "--once", "--redis-url", service.url]).text
        #expect(text.contains("Redis forgets keys when its memory is full"))
    }

    @Test func troubleOfWorkersIsShown() async throws {
        let service = try Service()
        for number in 0..<2 {
            var worker = WorkerRecord(id: "worker-\(number)")
            worker.trouble = "The storage is full: its stems wait until there is room."
            try await service.queue.heartbeat(worker)
        }
        let report = try json(service.output(["dashboard", "--json", "--redis-url", service.url]).text)
        #expect(((report["workers"] as? [[String: Any]])?.first?["trouble"] as? String)?.contains("is full") == true)
        let text = try service.output(["dashboard", "--once", "--redis-url", service.url]).text
        #expect(text.contains("2 workers: The storage is full"))
    }

    @Test func withoutAnAutoscaler() throws {
        let service = try Service()
        let report = try json(service.output(["dashboard", "--json", "--redis-url", service.url]).text)
        #expect(report["autoscaler"] is NSNull)
        let text = try service.output(["dashboard", "--once", "--redis-url", service.url]).text
        #expect(text.contains("No autoscaler has reported here yet"))
    }

    @Test func dataFolderOfALocalStack() async throws {
        let service = try Service()
        try await service.fill()
        let folder = try TemporaryDirectory()
        try Data(#"{"http": "http://127.0.0.1:1", "redis": "\#(service.url)"}"#.utf8)
            .write(to: folder.url.appending(path: "stack.json"))
        let result = try service.output(["dashboard", "--once", "--data", folder.path])
        #expect(result.text.contains("BACKLOG 5"))
        let none = try service.output(["dashboard", "--once", "--data", "/nowhere"])
        #expect(none.code != 0)
        #expect(none.errors.contains("no service runs on that folder"))
    }

    @Test func errorsAreSentences() throws {
        let service = try Service()
        let port = try freePort()
        let away = try service.output(["dashboard", "--once", "--redis-url", "redis://127.0.0.1:\(port)"])
        #expect(away.code == 1)
        #expect(away.errors.contains("Redis at 127.0.0.1:\(port)/0 cannot be reached"))
        let wrong = try service.output(["dashboard", "--redis-url", "http://127.0.0.1"])
        #expect(wrong.code == 1)
        #expect(wrong.errors.contains("write redis://host:port/database"))
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }
}
