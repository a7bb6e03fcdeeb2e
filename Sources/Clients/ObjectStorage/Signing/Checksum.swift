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
        case cyclic(CyclicChecksum)
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
