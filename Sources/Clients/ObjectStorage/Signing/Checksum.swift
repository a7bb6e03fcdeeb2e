import Digests
import Foundation

/// The checksums that S3 clients may send beside Content-MD5, as `x-amz-checksum-…`, and how each grows with its input.
package struct Checksum {
    /// Which checksum it is.
    package enum Algorithm: String, CaseIterable, Sendable {
        case crc32, crc32c, crc64nvme, sha1, sha256

        /// The header field or trailer that carries it, Base64 of its big-endian bytes.
        package var header: String { "x-amz-checksum-\(rawValue)" }

        package init?(header: String) {
            let name = header.lowercased()
            guard name.hasPrefix("x-amz-checksum-") else { return nil }
            self.init(rawValue: String(name.dropFirst(15)))
        }
    }

    private enum State {
        case cyclic(CyclicRedundancyCheck)
        case hash(Hash)
    }

    private var state: State

    package init(_ algorithm: Algorithm) {
        state =
            switch algorithm {
            case .crc32: .cyclic(.init(.crc32))
            case .crc32c: .cyclic(.init(.crc32c))
            case .crc64nvme: .cyclic(.init(.crc64nvme))
            case .sha1: .hash(Hash(.sha1))
            case .sha256: .hash(Hash(.sha256))
            }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch state {
        case .cyclic(var check):
            check.update(bytes)
            state = .cyclic(check)
        case .hash(let hash):
            hash.update(bytes)
        }
    }

    /// Base64 of the result. Call it once.
    package func finish() -> String {
        switch state {
        case .cyclic(let check): Data(check.bytes).base64EncodedString()
        case .hash(let hash): Data(hash.finish()).base64EncodedString()
        }
    }
}

/// A cyclic redundancy check whose bits are reflected, eight bytes at a time ("slicing by 8").
struct CyclicRedundancyCheck: Sendable {
    /// A polynomial, in reflected form, with its tables.
    final class Polynomial: Sendable {
        let width: Int
        fileprivate let tables: [UInt64]

        /// IEEE 802.3, as in gzip.
        static let crc32 = Polynomial(0xEDB8_8320, width: 32)
        /// Castagnoli, as in iSCSI.
        static let crc32c = Polynomial(0x82F6_3B78, width: 32)
        /// CRC-64/NVME.
        static let crc64nvme = Polynomial(0x9A6C_9329_AC4B_C9B5, width: 64)

        private init(_ polynomial: UInt64, width: Int) {
            self.width = width
            var tables = [UInt64](repeating: 0, count: 8 * 256)
            for byte in 0..<256 {
                var value = UInt64(byte)
                for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
                tables[byte] = value
            }
            for slice in 1..<8 {
                for byte in 0..<256 {
                    let before = tables[(slice - 1) * 256 + byte]
                    tables[slice * 256 + byte] = before >> 8 ^ tables[Int(before & 255)]
                }
            }
            self.tables = tables
        }
    }

    private let polynomial: Polynomial
    private var value: UInt64

    init(_ polynomial: Polynomial) {
        self.polynomial = polynomial
        value = polynomial.width == 64 ? .max : 0xFFFF_FFFF
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var value = value
        polynomial.tables.withUnsafeBufferPointer { tables in
            var position = 0
            while position + 8 <= bytes.count {
                var block = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)) ^ value
                value = 0
                for slice in (0..<8).reversed() {
                    value ^= tables[slice * 256 + Int(block & 255)]
                    block >>= 8
                }
                position += 8
            }
            while position < bytes.count {
                value = value >> 8 ^ tables[Int((value ^ UInt64(bytes[position])) & 255)]
                position += 1
            }
        }
        self.value = value
    }

    /// The result, most significant byte first.
    var bytes: [UInt8] {
        let result = polynomial.width == 64 ? ~value : ~value & 0xFFFF_FFFF
        return stride(from: polynomial.width - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: result >> $0) }
    }
}
