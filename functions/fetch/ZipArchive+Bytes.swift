import Foundation

/// The little-endian fields of zip headers.
extension Data {
    /// Version, flags (sizes follow, name in UTF-8), method (stored), time and date: the same in both headers.
    mutating func appendCommon(_ entry: ZipEntry) {
        append16(entry.isLarge ? 45 : 20)
        append16(1 << 3 | 1 << 11)
        append16(0)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let time = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: entry.modified)
        append16(UInt16((time.hour ?? 0) << 11 | (time.minute ?? 0) << 5 | (time.second ?? 0) / 2))
        append16(
            UInt16(
                Swift.min(127, Swift.max(0, (time.year ?? 1980) - 1980)) << 9 | (time.month ?? 1) << 5 | (time.day ?? 1)
            ))
    }

    mutating func append16(_ value: UInt16) { appendBytes(of: value.littleEndian) }
    mutating func append32(_ value: UInt32) { appendBytes(of: value.littleEndian) }
    mutating func append32(_ value: Int) { append32(UInt32(value)) }
    mutating func append64(_ value: Int) { appendBytes(of: UInt64(value).littleEndian) }

    private mutating func appendBytes(of value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
    }
}
