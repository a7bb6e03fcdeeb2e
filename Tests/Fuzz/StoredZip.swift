import Foundation

/// Writes zip files without compression and without checksums.
struct StoredZip {
    private var records = Data()
    private var directory = Data()
    private var count: UInt16 = 0

    mutating func add(_ name: String, _ bytes: Data) {
        let start = UInt32(records.count)
        let size = UInt32(bytes.count)
        records += Self.fields(UInt32(0x0403_4b50))
        records += Self.fields([20, 0, 0, 0, 0] as [UInt16]) + Self.fields([0, size, size] as [UInt32])
        records += Self.fields([UInt16(name.utf8.count), 0]) + Data(name.utf8) + bytes
        directory += Self.fields(UInt32(0x0201_4b50))
        directory += Self.fields([20, 20, 0, 0, 0, 0] as [UInt16]) + Self.fields([0, size, size] as [UInt32])
        directory += Self.fields([UInt16(name.utf8.count), 0, 0, 0, 0]) + Self.fields([0, start] as [UInt32])
        directory += Data(name.utf8)
        count += 1
    }

    func finished() -> Data {
        records + directory + Self.fields(UInt32(0x0605_4b50)) + Self.fields([0, 0, count, count] as [UInt16])
            + Self.fields([UInt32(directory.count), UInt32(records.count)]) + Self.fields([0] as [UInt16])
    }

    private static func fields(_ value: some FixedWidthInteger) -> Data { withUnsafeBytes(of: value) { Data($0) } }

    private static func fields(_ values: [some FixedWidthInteger]) -> Data {
        values.reduce(into: Data()) { $0 += fields($1) }
    }
}
