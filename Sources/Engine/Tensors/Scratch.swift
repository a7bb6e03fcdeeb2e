/// Memory for one piece of work, handed out from the front and forgotten at the end of the piece.
public struct Scratch {
    private var next: UnsafeMutablePointer<Float>
    private let end: UnsafeMutablePointer<Float>

    /// Over `count` floats on a 64-byte boundary.
    public init(_ memory: UnsafeMutablePointer<Float>, count: Int) {
        next = memory
        end = memory + count
    }

    /// What ``floats(_:)`` takes for `count` numbers.
    public static func size(floats count: Int) -> Int { (count + 15) / 16 * 16 }

    /// What ``pointers(_:)`` takes for `count` pointers.
    public static func size(pointers count: Int) -> Int { size(floats: 2 * count) }

    /// Memory for `count` numbers on a 64-byte boundary.
    public mutating func floats(_ count: Int) -> UnsafeMutablePointer<Float> {
        let result = next
        next += Self.size(floats: count)
        precondition(next <= end, "scratch memory exhausted")
        return result
    }

    /// Memory for `count` row pointers.
    public mutating func pointers(_ count: Int) -> UnsafeMutablePointer<UnsafeMutablePointer<Float>?> {
        UnsafeMutableRawPointer(floats(2 * count)).bindMemory(to: UnsafeMutablePointer<Float>?.self, capacity: count)
    }

    /// A plane of numbers; its halo is not written.
    public mutating func plane(rows: Int, columns: Int, halo: Int) -> Plane {
        Plane(
            in: floats(Plane.size(rows: rows, columns: columns, halo: halo)), rows: rows, columns: columns, halo: halo)
    }
}
