// The engine's memory: what is written once and kept (weights, tables), and the address space of a forward pass. Both ask for
// huge pages, since a page that is touched for the first time costs microseconds, and a model with its first pass touches 80,000
// small ones.
import Glibc
import Synchronization

/// Pages of 2 MiB, which Linux gives where it is asked for them and has them, and ordinary ones elsewhere.
private enum HugePages {
    static let size = 2 << 20

    /// Asks for them in so much of a region as they fill, so that no more memory is taken than is written to.
    static func request(_ start: UnsafeMutableRawPointer, bytes: Int) {
        let first = (UInt(bitPattern: start) + UInt(size) - 1) / UInt(size) * UInt(size)
        let end = (UInt(bitPattern: start) + UInt(bytes)) / UInt(size) * UInt(size)
        guard first < end else { return }
        // Nothing depends on the answer.
        madvise(UnsafeMutableRawPointer(bitPattern: first), Int(end - first), MADV_HUGEPAGE)
    }
}

/// Numbers that are written once, when they are made, and only read afterwards: weights and tables.
///
/// `@unchecked Sendable`: nothing writes to the memory after `init`.
public final class FloatMemory: @unchecked Sendable {
    /// The first number, on a 64-byte boundary.
    public let base: UnsafePointer<Float>
    /// How many there are.
    public let count: Int

    private static let bytes = Atomic<Int>(0)

    /// Bytes of all weights and tables that this process holds at the moment.
    public static var bytesInUse: Int { bytes.load(ordering: .relaxed) }

    /// Memory for `count` numbers, zero until `fill` writes them.
    public init(count: Int, fill: (UnsafeMutablePointer<Float>) throws -> Void) rethrows {
        let bytes = max(count, 1) * 4
        let region = UnsafeMutableRawPointer.allocate(
            byteCount: bytes, alignment: bytes >= HugePages.size ? HugePages.size : 64)
        HugePages.request(region, bytes: bytes)
        let memory = region.bindMemory(to: Float.self, capacity: max(count, 1))
        memory.initialize(repeating: 0, count: max(count, 1))
        // Before the properties have their values, so that a failure does not run `deinit`.
        do { try fill(memory) } catch {
            UnsafeMutableRawPointer(memory).deallocate()
            throw error
        }
        base = UnsafePointer(memory)
        self.count = count
        Self.bytes.add(4 * max(count, 1), ordering: .relaxed)
    }

    /// A copy of `values`.
    public convenience init(_ values: [Float]) {
        self.init(count: values.count) { memory in
            for (index, value) in values.enumerated() { memory[index] = value }
        }
    }

    deinit {
        Self.bytes.subtract(4 * max(count, 1), ordering: .relaxed)
        UnsafeMutablePointer(mutating: base).deallocate()
    }
}

/// One region of address space from which a forward pass takes its tensors and to which it returns them.
///
/// Places are chosen first fit, so the same sequence of requests gets the same addresses in every pass, memory that is
/// returned is used again at once, and only pages that are really written count as memory of the process.
public final class Arena {
    /// Most bytes that were in use at the same time.
    public private(set) var peak = 0
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    /// Free ranges of bytes in order; neighbours are joined.
    private var free: [Range<Int>]
    private var used: [Int: Int] = [:]

    /// Reserves address space; pages become memory when they are first written.
    ///
    /// - Throws: ``ArenaError`` when the system does not give the address space
    public init(capacity: Int) throws {
        self.capacity = capacity
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let base = mmap(nil, capacity, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
            throw ArenaError.reservation(bytes: capacity)
        }
        self.base = base
        HugePages.request(base, bytes: capacity)
        free = [0..<capacity]
    }

    deinit { munmap(base, capacity) }

    /// Memory for `count` floats on a 64-byte boundary, with whatever values were there.
    public func take(_ count: Int) throws -> UnsafeMutablePointer<Float> {
        let bytes = (max(count, 1) * 4 + 63) / 64 * 64
        guard let place = free.firstIndex(where: { $0.count >= bytes }) else {
            throw ArenaError.exhausted(bytes: bytes, capacity: capacity)
        }
        let start = free[place].lowerBound
        free[place] = (start + bytes)..<free[place].upperBound
        if free[place].isEmpty { free.remove(at: place) }
        used[start] = bytes
        peak = max(peak, start + bytes)
        return (base + start).bindMemory(to: Float.self, capacity: count)
    }

    /// Returns memory that ``take(_:)`` gave.
    public func giveBack(_ pointer: UnsafeMutablePointer<Float>) {
        let start = UnsafeMutableRawPointer(pointer) - base
        guard let bytes = used.removeValue(forKey: start) else { preconditionFailure("memory returned twice") }
        var range = start..<(start + bytes)
        var place = free.firstIndex { $0.lowerBound >= range.upperBound } ?? free.count
        if place < free.count, free[place].lowerBound == range.upperBound {
            range = range.lowerBound..<free[place].upperBound
            free.remove(at: place)
        }
        if place > 0, free[place - 1].upperBound == range.lowerBound {
            range = free[place - 1].lowerBound..<range.upperBound
            place -= 1
            free.remove(at: place)
        }
        free.insert(range, at: place)
    }

    /// Returns everything, whatever was left behind by a pass that ended early.
    public func reset() {
        free = [0..<capacity]
        used = [:]
    }
}

/// Why an arena cannot give memory.
public enum ArenaError: Error, CustomStringConvertible {
    /// The system refused the address space.
    case reservation(bytes: Int)
    /// More is in use at once than was reserved.
    case exhausted(bytes: Int, capacity: Int)

    /// What happened and what to do about it, as a sentence.
    public var description: String {
        switch self {
        case .reservation(let bytes):
            "The system refused \(bytes >> 20) MB of address space for the model's work; raise ulimit -v."
        case .exhausted(let bytes, let capacity):
            "The model's work needs \(bytes >> 20) MB more than the \(capacity >> 20) MB that were reserved for it."
        }
    }
}
