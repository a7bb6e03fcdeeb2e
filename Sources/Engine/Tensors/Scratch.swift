/// How much scratch memory a piece of work takes, said in the words with which the piece will ask ``Scratch`` for it.
///
/// Every request is rounded up to 64 bytes, so sizes add up exactly and nobody adds a reserve.
public struct ScratchSize: Sendable, Equatable {
    /// Numbers, a multiple of 16.
    public let count: Int

    /// Nothing.
    public static let none = ScratchSize(count: 0)

    private init(count: Int) { self.count = count }

    /// Memory for ``Scratch/floats(_:)``.
    public static func floats(_ count: Int) -> ScratchSize { ScratchSize(count: (count + 15) / 16 * 16) }

    /// Memory for ``Scratch/pointers(_:)``.
    public static func pointers(_ count: Int) -> ScratchSize { .floats(2 * count) }

    /// Memory for ``Scratch/plane(rows:columns:halo:)``.
    public static func plane(rows: Int, columns: Int, halo: Int = 0) -> ScratchSize {
        .floats(Plane.size(rows: rows, columns: columns, halo: halo))
    }

    /// Both at the same time.
    public static func + (first: ScratchSize, second: ScratchSize) -> ScratchSize {
        ScratchSize(count: first.count + second.count)
    }

    /// One after the other, in the same place.
    public static func | (first: ScratchSize, second: ScratchSize) -> ScratchSize {
        ScratchSize(count: max(first.count, second.count))
    }

    /// The largest of several that follow each other in the same place.
    public static func anyOf(_ sizes: [ScratchSize]) -> ScratchSize { sizes.reduce(.none, |) }
}

/// Memory for one piece of work, handed out from the front and forgotten at the end of the piece.
///
/// A value: a copy hands out the same memory again, so steps that follow each other are given copies.
public struct Scratch {
    private var next: UnsafeMutablePointer<Float>
    private let end: UnsafeMutablePointer<Float>

    /// Over `count` floats on a 64-byte boundary.
    public init(_ memory: UnsafeMutablePointer<Float>, count: Int) {
        next = memory
        end = memory + count
    }

    /// Memory for `count` numbers on a 64-byte boundary.
    public mutating func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        let result = next
        next += ScratchSize.floats(count).count
        precondition(next <= end, "a piece of work asks for more scratch memory than it said")
        return result
    }

    /// Memory for `count` row pointers.
    public mutating func pointers(_ count: Int) -> RowPointers {
        UnsafeMutableRawPointer(floats(2 * count)).bindMemory(to: UnsafeMutablePointer<Float>?.self, capacity: count)
    }

    /// A plane of numbers; its halo is not written.
    public mutating func plane(rows: Int, columns: Int, halo: Int = 0) -> Plane {
        Plane(
            in: floats(Plane.size(rows: rows, columns: columns, halo: halo)), rows: rows, columns: columns, halo: halo)
    }
}
