/// Rows of numbers in memory that someone else owns: a view, cheap to copy.
///
/// Beside each row lie at least ``halo`` zeros, which follow it (and so precede the next one; as many lie before the
/// first). A convolution reads its neighbours beyond either end as zero by moving a pointer.
public struct Plane {
    /// First number of the first row.
    public let base: UnsafeMutablePointer<Float>
    /// Number of rows.
    public let rows: Int
    /// Numbers in a row.
    public let columns: Int
    /// Distance between rows.
    public let stride: Int
    /// Zeros beside each row; of a part of the columns, none.
    public let halo: Int

    /// A view of memory laid out like that.
    public init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int, halo: Int = 0) {
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride
        self.halo = halo
    }

    /// A plane in `memory`, which holds ``size(rows:columns:halo:)`` numbers. The halo is not written.
    public init(in memory: UnsafeMutablePointer<Float>, rows: Int, columns: Int, halo: Int) {
        self.init(
            base: memory + Self.leading(halo), rows: rows, columns: columns,
            stride: Self.stride(columns: columns, halo: halo), halo: halo)
    }

    /// The row's first number.
    @inline(__always)
    public func row(_ index: Int) -> UnsafeMutablePointer<Float> { base + index * stride }

    /// Some rows of it.
    public func slice(rows range: Range<Int>) -> Plane {
        Plane(base: row(range.lowerBound), rows: range.count, columns: columns, stride: stride, halo: halo)
    }

    /// Some columns of it, beside which lie their neighbours and then the zeros.
    public func slice(columns range: Range<Int>) -> Plane {
        Plane(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// Numbers that a plane takes in memory, with the zeros before its first row.
    public static func size(rows: Int, columns: Int, halo: Int) -> Int {
        leading(halo) + rows * stride(columns: columns, halo: halo)
    }

    /// The first number of the memory that the plane lies in.
    public var memory: UnsafeMutablePointer<Float> { base - Self.leading(halo) }

    /// Writes the zeros after each row (the last one's included) and those before the first.
    public func clearHalo() {
        guard halo > 0 else { return }
        (base - halo).update(repeating: 0, count: halo)
        for index in 0..<rows { (row(index) + columns).update(repeating: 0, count: stride - columns) }
    }

    /// Copies the rows of a plane of the same size.
    public func copy(from source: Plane) {
        for index in 0..<rows { row(index).update(from: source.row(index), count: columns) }
    }

    /// Distance between rows of `columns` numbers with at least `halo` zeros after each.
    private static func stride(columns: Int, halo: Int) -> Int { (columns + halo + 15) / 16 * 16 }

    /// Numbers before the first row: the halo, rounded up to keep rows aligned.
    private static func leading(_ halo: Int) -> Int { (halo + 15) / 16 * 16 }
}

/// A tensor [frequency][channel][time]: all channels of a frequency lie together, so that what happens to a frequency
/// happens in the cache, and a convolution over frequencies reads whole blocks of rows.
public struct Bands {
    /// Rows (frequency, channel); columns are time.
    public let plane: Plane
    /// Channels of each frequency.
    public let channels: Int

    /// The rows of `plane` as frequencies of `channels` rows each.
    public init(plane: Plane, channels: Int) {
        self.plane = plane
        self.channels = channels
    }

    /// A plane over time as the only frequency.
    public init(single plane: Plane) { self.init(plane: plane, channels: plane.rows) }

    /// Frequencies.
    public var count: Int { plane.rows / channels }
    /// Positions in time.
    public var columns: Int { plane.columns }

    /// The channels of a frequency.
    @inline(__always)
    public subscript(_ frequency: Int) -> Plane {
        plane.slice(rows: frequency * channels..<(frequency + 1) * channels)
    }

    /// The same, or nil for a frequency beyond the ends.
    public func frequency(_ index: Int) -> Plane? { index >= 0 && index < count ? self[index] : nil }
}

/// Ranges of columns that are worked on one at a time.
public struct Chunks {
    /// Columns in all.
    public let columns: Int
    /// Columns of a range; the last may have fewer.
    public let size: Int
    /// Number of ranges.
    public var count: Int { (columns + size - 1) / size }

    /// `columns` columns in ranges of `size`.
    public init(columns: Int, size: Int) {
        self.columns = columns
        self.size = size
    }

    /// The columns of a range.
    public subscript(_ index: Int) -> Range<Int> { index * size..<min(columns, (index + 1) * size) }

    /// Chunks whose `rows` rows stay in the L2 cache; a multiple of every kernel's strip, but for the AMX version's,
    /// whose last strip is then three quarters full.
    public static func caching(columns: Int, rows: Int) -> Chunks {
        Chunks(columns: columns, size: min(max(48, 40_000 / max(rows, 1) / 48 * 48), 1344))
    }
}

/// Pointers to the rows of a product's input or output; nil discards an output row.
public typealias RowPointers = UnsafeMutablePointer<UnsafeMutablePointer<Float>?>

extension RowPointers {
    /// Sets the pointers from `index` on to a plane's rows, moved by `shift` columns.
    @inline(__always)
    public func set(_ plane: Plane, at index: Int = 0, shift: Int = 0) {
        var pointer = plane.base + shift
        for row in 0..<plane.rows {
            self[index + row] = pointer
            pointer += plane.stride
        }
    }

    /// Sets `count` pointers from `index` on to the same row.
    @inline(__always)
    public func repeating(_ row: UnsafeMutablePointer<Float>?, at index: Int, count: Int) {
        for place in index..<index + count { self[place] = row }
    }
}
