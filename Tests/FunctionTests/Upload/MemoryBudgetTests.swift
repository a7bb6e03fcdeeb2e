import FunctionHost
import TestSupport
import Testing
import UploadFunction

/// The memory that uploads of unknown length share.
@Suite struct MemoryBudgetTests {
    @Test func nobodyTakesMoreThanThereIs() async throws {
        let budget = MemoryBudget(bytes: 10)
        let running = Recorder<Int>()
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await budget.holding(3) { _ in
                        running.add(1)
                        try await gate.pass()
                    }
                }
            }
            try await eventually("three hold some") { running.values.count == 3 }
            try await eventually("the others wait") { budget.waiting == 17 }
            #expect(running.values.count == 3)
            await gate.open()
            try await group.waitForAll()
        }
        #expect(running.values.count == 20)
        #expect((budget.free, budget.waiting) == (10, 0))
    }

    @Test func whoGivesUpLeavesTheLine() async throws {
        let budget = MemoryBudget(bytes: 10, patience: .milliseconds(50))
        try await budget.holding(10) { _ in
            await #expect(throws: Problem.self) { try await budget.holding(1) { _ in } }
            let cancelled = Task { try await budget.holding(1) { _ in } }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
        }
        #expect((budget.free, budget.waiting) == (10, 0))
        try await budget.holding(100) { _ in #expect(budget.free == 0, "more than there is counts as all") }
    }

    @Test func whoIsSlowMakesRoomForOthers() async throws {
        let budget = MemoryBudget(bytes: 10, patience: .milliseconds(300))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await budget.holding(10) { hold in
                    while true {
                        try hold.check()
                        try await Task.sleep(for: .milliseconds(10))
                    }
                }
            }
            try await eventually("it holds") { budget.free == 0 }
            // Others come again and again; alone it would go on.
            group.addTask {
                while !Task.isCancelled { try? await budget.holding(1) { _ in } }
            }
            await #expect(throws: Problem.self) { try await group.next() }
            group.cancelAll()
        }
        #expect(budget.free == 10)
    }
}
