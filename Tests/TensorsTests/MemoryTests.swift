import Synchronization
import Tensors
import Testing

@Suite struct MemoryTests {
    @Test func arenaUsesReturnedMemoryAgain() throws {
        let arena = try Arena(capacity: 1 << 20)
        let a = try arena.take(1000)
        let b = try arena.take(1000)
        arena.giveBack(a)
        #expect(try arena.take(500) == a)
        #expect(try arena.take(400) == a + 512)
        #expect(UInt(bitPattern: b) % 64 == 0)
        #expect(arena.peak == 2 * 4032)
        #expect(throws: ArenaError.self) { try arena.take(1 << 20) }
        arena.reset()
        #expect(try arena.take(1000) == a)
    }

    @Test func arenaJoinsNeighbours() throws {
        let arena = try Arena(capacity: 4096)
        let blocks = try (0..<4).map { _ in try arena.take(256) }
        for index in [1, 3, 0, 2] { arena.giveBack(blocks[index]) }
        #expect(try arena.take(1024) == blocks[0])
    }

    /// What is said beforehand is what is taken, to the last number.
    @Test func scratchTakesWhatItSays() {
        let size = .floats(17) + .pointers(9) + .plane(rows: 3, columns: 33, halo: 5) + (.floats(100) | .floats(20))
        withScratch(size) { scratch in
            var scratch = scratch
            let first = scratch.floats(17)
            _ = scratch.pointers(9)
            let plane = scratch.plane(rows: 3, columns: 33, halo: 5)
            #expect((plane.base - first, plane.stride) == (32 + 32 + 16, 48))
            var other = scratch
            #expect(scratch.floats(20) == other.floats(100))
            #expect(other.floats(0) == first + size.count)
        }
    }

    @Test(arguments: [1, 2, 5]) func poolRunsEveryPieceOnce(threads: Int) {
        let pool = ThreadPool(threads: threads)
        for count in [0, 1, 2, 100, 1000] {
            let runs = (0..<count).map { _ in Box(Atomic(0)) }
            let busy = (0..<threads).map { _ in Box(Atomic(0)) }
            pool.run(count) { index, slot in
                let others = busy[slot].value.add(1, ordering: .relaxed).oldValue
                runs[index].value.add(others == 0 ? 1 : 1000, ordering: .relaxed)
                busy[slot].value.subtract(1, ordering: .relaxed)
            }
            #expect(runs.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
        }
    }

    @Test func poolServesSeveralCallers() async {
        let pool = ThreadPool(threads: 3)
        let total = Box(Atomic(0))
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<50 { pool.run(20) { _, _ in total.value.add(1, ordering: .relaxed) } }
                }
            }
        }
        #expect(total.value.load(ordering: .relaxed) == 4000)
    }

    @Test func bestKernelsExist() {
        #expect(["avx512", "avx2", "openblas"].contains(Kernels.best.name))
        #expect(Kernels.best.precision == .float32)
        #expect(Kernels(named: "baseline")?.name == "baseline")
        #expect(Kernels(named: "mmx") == nil)
    }

    /// What was measured says which one is best, and never is a slower one chosen for being in bfloat16.
    @Test(arguments: Precision.allCases) func theFastestKernelsAreChosen(precision: Precision) throws {
        let choice = KernelChoice.measured(for: precision)
        guard !choice.rates.isEmpty else { return }
        let chosen = try #require(choice.rates.first { $0.name == choice.kernels.name })
        #expect(choice.rates.allSatisfy { $0.gigaflops <= 1.15 * 1.15 * chosen.gigaflops })
        #expect("\(choice)".contains("GFLOP/s"))
        #expect(Kernels.best(for: precision).name == choice.kernels.name)
    }
}

/// An atomic that several closures share.
private final class Box: Sendable {
    let value: Atomic<Int>
    init(_ value: consuming Atomic<Int>) { self.value = value }
}
