import Foundation
import Jobs
import ServiceContract
import ServiceLifecycle
import TestSupport
import Testing
import WorkerLoop

/// How a worker heeds the marks on the autoscaler's board.
@Suite(.serialized) struct DrainMarkTests {
    @Test func aMarkedWorkerClaimsNothingUntilTheMarkIsWithdrawn() async throws {
        let bench = try await Bench()
        let board = RedisAutoscalerBoard(queue: bench.queue)
        let configuration = bench.configuration
        // Left by an earlier worker of the same name.
        try await board.requestDrain(configuration.id, by: .autoscaler)
        try await bench.withWorker(configuration) { _ in
            let first = try await bench.submitted("music one")
            #expect(try await bench.finished(first.id).state == .done)
            #expect(try await board.drainRequest(of: configuration.id) == nil)

            try await board.requestDrain(configuration.id, by: .autoscaler)
            try await eventually("the worker says so") { try await bench.state(of: configuration.id) == .draining }
            let second = try await bench.submitted("music two")
            // Longer than a claim waits.
            try await Task.sleep(for: .seconds(2))
            #expect(try await bench.queue.job(second.id)?.state == .queued)
            #expect(try await bench.state(of: configuration.id) == .draining)

            try await board.withdrawDrain(configuration.id)
            #expect(try await bench.finished(second.id).state == .done)
            try await eventually("the worker is idle") { try await bench.state(of: configuration.id) == .idle }
        }
    }

    @Test func aBusyWorkerFinishesFirst() async throws {
        let bench = try await Bench()
        let board = RedisAutoscalerBoard(queue: bench.queue)
        let configuration = bench.configuration
        try await bench.withWorker(configuration, seconds: 2) { _ in
            let first = try await bench.submitted("music one")
            try await eventually("the first runs") { try await bench.queue.job(first.id)?.progress ?? 0 > 0 }
            let second = try await bench.submitted("music two")
            try await board.requestDrain(configuration.id, by: .autoscaler)
            try await eventually("the worker says so") { try await bench.state(of: configuration.id) == .draining }
            let done = try #require(try await bench.queue.job(first.id))
            #expect((done.state, done.attempts) == (.done, 1))
            #expect(try await bench.queue.job(second.id)?.state == .queued)
        }
    }

    @Test func anOperatorEndsAWorkerAfterItsJob() async throws {
        let bench = try await Bench()
        let board = RedisAutoscalerBoard(queue: bench.queue)
        let worker = try bench.process(seconds: 2)
        let first = try await bench.submitted("music one")
        try await eventually("the first runs") { try await bench.queue.job(first.id)?.progress ?? 0 > 0 }
        let second = try await bench.submitted("music two")
        let name = try #require(try await bench.queue.workers().first?.id)
        try await board.requestDrain(name, by: .operator)
        #expect(await worker.wait() == 0)
        let done = try #require(try await bench.queue.job(first.id))
        #expect((done.state, done.attempts) == (.done, 1))
        #expect(try await bench.queue.job(second.id)?.state == .queued)
        #expect(try await bench.queue.workers().isEmpty)
    }
}

extension Bench {
    fileprivate func state(of worker: String) async throws -> WorkerRecord.State? {
        try await queue.workers().first { $0.id == worker }?.state
    }
}
