/// Rows of numbers in memory that someone else owns: a view, cheap to copy.
///
/// `stride` exceeds `columns` by at least the halo, the number of zeros that follow each row (and so precede the next
/// one; as many lie before the first). A convolution reads its neighbours beyond either end as zero by moving a pointer.
public struct Plane {
    /// First number of the first row.
    public let base: UnsafeMutablePointer<Float>
    /// Number of rows.
    public let rows: Int
    /// Numbers in a row.
    public let columns: Int
    /// Distance between rows.
    public let stride: Int

    /// A view of memory laid out like that.
    public init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }

    /// The row's first number.
    @inline(__always)
    public func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * stride }

    /// Some rows of it.
    public func slice(rows range: Range<Int>) -> Plane {
        Plane(base: row(range.lowerBound), rows: range.count, columns: columns, stride: stride)
    }

    /// Some columns of it.
    public func slice(columns range: Range<Int>) -> Plane {
        Plane(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// Distance between rows of `columns` numbers with at least `halo` zeros after each.
    public static func stride(columns: Int, halo: Int) -> Int { (columns + halo + 15) / 16 * 16 }

    /// Numbers that a plane takes in memory, with the zeros before its first row.
    public static func size(rows: Int, columns: Int, halo: Int) -> Int {
        leading(halo) + rows * stride(columns: columns, halo: halo)
    }

    /// Numbers before the first row: the halo, rounded up to keep rows aligned.
    public static func leading(_ halo: Int) -> Int { (halo + 15) / 16 * 16 }

    /// A plane in `memory`, which holds ``size(rows:columns:halo:)`` numbers. The halo is not written.
    public init(in memory: UnsafeMutablePointer<Float>, rows: Int, columns: Int, halo: Int) {
        self.init(
            base: memory + Self.leading(halo), rows: rows, columns: columns,
            stride: Self.stride(columns: columns, halo: halo))
    }

    /// Writes the zeros after each row (the last one's included) and `halo` zeros before the first.
    public func clearHalo(_ halo: Int) {
        guard halo > 0 else { return }
        (base - halo).update(repeating: 0, count: halo)
        for index in 0..<rows { (row(index) + columns).update(repeating: 0, count: stride - columns) }
    }
}
