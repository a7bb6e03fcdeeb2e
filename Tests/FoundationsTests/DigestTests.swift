import Digests
import Foundation
import Testing

@Suite struct DigestTests {
    /// The catalogue's check values: the check of `123456789`.
    @Test(arguments: [
        (CyclicChecksum.Algorithm.crc32, 0xCBF4_3926 as UInt64), (.crc32c, 0xE306_9283),
        (.crc64nvme, 0xAE8B_1486_0A79_9888),
    ])
    func cyclicChecksums(algorithm: CyclicChecksum.Algorithm, value: UInt64) {
        var checksum = CyclicChecksum(algorithm)
        checksum.update(Data("123456789".utf8))
        #expect(checksum.value == value)
        #expect(checksum.bytes.hex == String(value, radix: 16))
    }

    @Test(arguments: [CyclicChecksum.Algorithm.crc32, .crc32c, .crc64nvme])
    func partsMakeTheWhole(algorithm: CyclicChecksum.Algorithm) {
        let bytes = Data((0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        var whole = CyclicChecksum(algorithm)
        whole.update(bytes)
        for size in [1, 7, 8, 9, 64, 999] {
            var parts = CyclicChecksum(algorithm)
            for start in stride(from: 0, to: 1000, by: size) {
                parts.update(Data())
                parts.update(bytes[start..<min(1000, start + size)])
            }
            #expect(parts.value == whole.value)
        }
    }

    @Test func secretsAreAsLongAsAskedForAndNeverTheSame() {
        #expect(String.randomHex(bytes: 16).count == 32)
        #expect(Set((0..<100).map { _ in String.randomHex(bytes: 8) }).count == 100)
    }
}
