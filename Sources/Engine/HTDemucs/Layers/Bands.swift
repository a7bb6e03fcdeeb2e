import Tensors

/// A tensor [frequency][channel][time]: all channels of a frequency lie together, so that what happens to a frequency
/// happens in the cache, and a convolution over frequencies reads whole blocks of rows.
struct Bands {
    /// Rows (frequency, channel); columns are time.
    let plane: Plane
    let channels: Int

    var count: Int { plane.rows / channels }
    var columns: Int { plane.columns }

    /// The channels of a frequency.
    subscript(_ frequency: Int) -> Plane { plane.slice(rows: frequency * channels..<(frequency + 1) * channels) }

    /// The same, or nil for a frequency beyond the ends.
    func frequency(_ index: Int) -> Plane? { index >= 0 && index < count ? self[index] : nil }
}

/// Ranges of columns that are worked on one at a time.
struct Chunks {
    let columns: Int
    let size: Int
    var count: Int { (columns + size - 1) / size }

    subscript(_ index: Int) -> Range<Int> { index * size..<min(columns, (index + 1) * size) }

    /// Chunks whose `rows` rows stay in the L2 cache; a multiple of every kernel's strip.
    static func caching(columns: Int, rows: Int) -> Chunks {
        Chunks(columns: columns, size: min(max(48, 40_000 / max(rows, 1) / 48 * 48), 1344))
    }
}

extension UnsafeMutablePointer<UnsafeMutablePointer<Float>?> {
    /// Sets the pointers from `index` on to a plane's rows, moved by `shift` columns.
    @inline(__always)
    func set(_ plane: Plane, at index: Int = 0, shift: Int = 0) {
        var pointer = plane.base + shift
        for row in 0..<plane.rows {
            self[index + row] = pointer
            pointer += plane.stride
        }
    }

    /// Sets `count` pointers from `index` on to the same row.
    @inline(__always)
    func repeating(_ row: UnsafeMutablePointer<Float>?, at index: Int, count: Int) {
        for place in index..<index + count { self[place] = row }
    }
}
