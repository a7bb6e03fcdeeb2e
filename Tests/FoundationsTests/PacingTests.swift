import Pacing
import Synchronization
import TestSupport
import Testing

@Suite struct PacingTests {
    @Test func pausesGrowAndAreScattered() {
        let backoff = Backoff(attempts: 8, first: .milliseconds(100), longest: .seconds(1))
        let longest = Array(backoff.pauses(using: Constant(bits: 0)))
        #expect(longest == [100, 200, 400, 800, 1000, 1000, 1000].map { .milliseconds($0) })
        let pauses = Array(backoff.pauses(using: SeededGenerator(seed: 1)))
        #expect(zip(pauses, longest).allSatisfy { $0 <= $1 && $0 >= $1 / 2 })
        #expect(pauses == Array(backoff.pauses(using: SeededGenerator(seed: 1))))
        #expect(pauses != Array(backoff.pauses(using: SeededGenerator(seed: 2))))
        #expect(backoff.pause(after: .max) <= .seconds(1) && backoff.pause(after: 0) <= .milliseconds(100))
    }

    @Test func whatWorkedBeginsAnew() {
        var pauses = Backoff(first: .seconds(1), longest: .seconds(60)).pauses(using: Constant(bits: 0))
        for _ in 0..<100 where pauses.next() == nil { Issue.record("it ends") }
        pauses.reset()
        let first = pauses.next()
        #expect(first == .seconds(1))
    }

    @Test func noPauseGoesBeyondTheLimit() throws {
        var pauses = Backoff(first: .seconds(1), longest: .seconds(60)).pauses(for: .milliseconds(500))
        let next = pauses.next()
        let pause = try #require(next)
        #expect(pause <= .milliseconds(500))
        var over = Backoff(first: .seconds(1), longest: .seconds(60)).pauses(for: .zero)
        let none = over.next()
        #expect(none == nil)
    }

    /// The numbers of the paper's reference implementation for the seed 1234567.
    @Test func theSameSeedGivesTheSameNumbersEverywhere() {
        var generator = SeededGenerator(seed: 1_234_567)
        let numbers = (0..<3).map { _ in generator.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
    }

    @Test func whatTakesTooLongIsCancelled() async throws {
        let isCancelled = Atomic(false)
        let error = await #expect(throws: TimeLimitExceeded.self) {
            try await withTimeLimit(.milliseconds(20), for: "The sloth") {
                defer { isCancelled.store(Task.isCancelled, ordering: .relaxed) }
                try await Task.sleep(for: .seconds(3600))
            }
        }
        let wasCancelled = isCancelled.load(ordering: .relaxed)
        #expect(wasCancelled)
        #expect(error?.description == "The sloth did not answer within 0.02 s.")
        #expect(try await withTimeLimit(.seconds(60), for: "The hare") { 7 } == 7)
    }

    /// A loop that goes on in a cancelled task would never end here.
    @Test func aLoopEndsWithItsTask() async {
        let rounds = Atomic(0)
        let (begun, beginning) = AsyncStream.makeStream(of: Void.self)
        let loop = Task {
            repeat {
                rounds.add(1, ordering: .relaxed)
                beginning.yield()
            } while await pause(for: .seconds(3600))
        }
        for await _ in begun { break }
        loop.cancel()
        await loop.value
        let count = rounds.load(ordering: .relaxed)
        #expect(count == 1)
    }
}
