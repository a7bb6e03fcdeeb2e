import CZlib
package import Foundation

/// A cyclic redundancy check whose bits are reflected. CRC-32, the one of zip archives and of every stream to the storage, is
/// zlib's, which is several times as fast as tables in Swift; those that zlib lacks go eight bytes at a time ("slicing by 8").
package struct CyclicChecksum: Sendable {
    /// Which one.
    package enum Algorithm: Sendable {
        /// IEEE 802.3, as in gzip and zip.
        case crc32
        /// Castagnoli, as in iSCSI.
        case crc32c
        /// CRC-64/NVME.
        case crc64nvme
    }

    private let tables: Tables?
    private let width: Int
    /// The register: inverted where we compute it ourselves, as zlib wants it where zlib does.
    private var register: UInt64

    /// The check of nothing yet.
    package init(_ algorithm: Algorithm) {
        (tables, width, register) =
            switch algorithm {
            case .crc32: (nil, 32, 0)
            case .crc32c: (.crc32c, 32, 0xFFFF_FFFF)
            case .crc64nvme: (.crc64nvme, 64, .max)
            }
    }

    /// Adds bytes.
    package mutating func update(_ data: some ContiguousBytes) { data.withUnsafeBytes { update($0) } }

    /// Adds bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let tables else {
            // Without a pointer zlib answers with the beginning.
            guard let start = bytes.baseAddress else { return }
            register = UInt64(crc32_z(uLong(register), start.assumingMemoryBound(to: Bytef.self), bytes.count))
            return
        }
        register = tables.update(register, bytes)
    }

    /// The result.
    package var value: UInt64 {
        guard tables != nil else { return register }
        return width == 64 ? ~register : ~register & 0xFFFF_FFFF
    }

    /// The result, most significant byte first.
    package var bytes: [UInt8] {
        stride(from: width - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}

/// What each byte of eight does to the register.
private final class Tables: Sendable {
    private let entries: [UInt64]

    static let crc32c = Tables(0x82F6_3B78)
    static let crc64nvme = Tables(0x9A6C_9329_AC4B_C9B5)

    /// - Parameter polynomial: in reflected form.
    private init(_ polynomial: UInt64) {
        var entries = [UInt64](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt64(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
            entries[byte] = value
        }
        for index in 256..<entries.count {
            let before = entries[index - 256]
            entries[index] = before >> 8 ^ entries[Int(before & 255)]
        }
        self.entries = entries
    }

    func update(_ register: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var value = register
        entries.withUnsafeBufferPointer { entries in
            var position = 0
            while position + 8 <= bytes.count {
                var block = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)) ^ value
                value = 0
                for slice in (0..<8).reversed() {
                    value ^= entries[slice * 256 + Int(block & 255)]
                    block >>= 8
                }
                position += 8
            }
            while position < bytes.count {
                value = value >> 8 ^ entries[Int((value ^ UInt64(bytes[position])) & 255)]
                position += 1
            }
        }
        return value
    }
}
