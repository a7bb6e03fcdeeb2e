import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

@Suite struct BoardTests {
    private let redis: ServerProcess
    private let queue: RedisJobQueue
    private let board: RedisAutoscalerBoard

    init() throws {
        redis = try ServerProcess.redis()
        queue = try RedisJobQueue(url: "redis://127.0.0.1:\(redis.port)")
        board = RedisAutoscalerBoard(queue: queue)
    }

    @Test func nothingOnANewBoard() async throws {
        #expect(try await board.read() == nil)
        #expect(try await board.control() == .automatic)
        #expect(try await board.status().drains == [:])
    }

    @Test func theRecordComesBackWithTheTimeOfRedis() async throws {
        let before = try await board.status().time
        try await board.publish(Scene.record)
        let status = try await board.status()
        var expected = Scene.record
        expected.decidedAt = try #require(status.record).decidedAt
        #expect(status.record == expected)
        #expect((before...status.time).contains(expected.decidedAt))
    }

    @Test func recordsDoNotTouchTheControl() async throws {
        try await board.setControl(.override(4))
        try await board.setControl(.pause)
        try await board.publish(Scene.record)
        #expect(try await board.control() == AutoscalerControl(isPaused: true, override: 4))
        try await board.setControl(.resume)
        #expect(try await board.control() == AutoscalerControl(override: 4))
        try await board.setControl(.clear)
        #expect(try await board.control() == .automatic)
        #expect(try await board.read() != nil)
    }

    @Test func requestsMeanTheSameHereAndThere() async throws {
        var control = AutoscalerControl.automatic
        for request: AutoscalerControl.Request in [.pause, .override(3), .resume, .override(-2), .pause, .clear] {
            control = control.applying(request)
            try await board.setControl(request)
            #expect(try await board.control() == control)
        }
    }

    @Test func anOperatorsDrainIsStronger() async throws {
        try await board.requestDrain("worker-1", by: .autoscaler)
        #expect(try await board.drainRequest(of: "worker-1") != nil)
        #expect(try await board.drainRequest(of: "worker-2") == nil)
        try await board.requestDrain("worker-1", by: .operator)
        try await board.requestDrain("worker-1", by: .autoscaler)
        try await board.withdrawDrain("worker-1", by: .autoscaler)
        #expect(try await board.drainRequest(of: "worker-1") == .operator)
        #expect(try await board.status().drains == ["worker-1": .operator])
        try await board.withdrawDrain("worker-1")
        #expect(try await board.drainRequest(of: "worker-1") == nil)
    }

    @Test func fileNames() async throws {
        let id = JobID.random()
        _ = try await queue.enqueue(Job(id: id, bucket: "queue", key: "\(id)/夜.mp3", filename: "夜.mp3"))
        #expect(try await queue.filenames(of: [.random(), id, .random()]) == [id: "夜.mp3"])
        #expect(try await queue.filenames(of: []) == [:])
    }
}
