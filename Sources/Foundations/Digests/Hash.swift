import COpenSSL
package import Foundation

/// A message digest that grows with its input, over OpenSSL.
package final class Hash {
    /// The digests that S3 uses.
    package enum Algorithm: Sendable {
        case md5, sha1, sha256

        fileprivate var implementation: OpaquePointer {
            switch self {
            case .md5: EVP_md5()
            case .sha1: EVP_sha1()
            case .sha256: EVP_sha256()
            }
        }
    }

    private let context: OpaquePointer
    private let count: Int

    /// A digest of nothing yet.
    package init(_ algorithm: Algorithm) {
        // Both calls fail only without memory.
        context = EVP_MD_CTX_new()!
        EVP_DigestInit_ex(context, algorithm.implementation, nil)
        count = Int(EVP_MD_get_size(algorithm.implementation))
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// Adds bytes.
    package func update(_ data: some ContiguousBytes) { data.withUnsafeBytes { update($0) } }

    /// The digest of everything added. Call it once.
    package func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: count)
        EVP_DigestFinal_ex(context, &digest, nil)
        return digest
    }

    /// The digest of `data`.
    package static func digest(_ algorithm: Algorithm, _ data: some ContiguousBytes) -> [UInt8] {
        let hash = Hash(algorithm)
        hash.update(data)
        return hash.finish()
    }

    /// HMAC-SHA256 (RFC 2104) of `message`.
    package static func hmac(key: [UInt8], _ message: String) -> [UInt8] {
        let message = Array(message.utf8)
        var code = [UInt8](repeating: 0, count: 32)
        HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &code, nil)
        return code
    }

    /// Whether two secrets are equal, in a time that does not tell where they differ.
    package static func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        return left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}

extension Collection<UInt8> {
    /// Two lower-case hex digits a byte.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(count * 2)
        for byte in self {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension String {
    /// So many random bytes of the system's generator, in hex.
    package static func randomHex(bytes: Int) -> String {
        var numbers = SystemRandomNumberGenerator()
        return (0..<bytes).map { _ in UInt8.random(in: 0...255, using: &numbers) }.hex
    }

    /// The SHA-256 of the text's UTF-8, in hex.
    package var sha256: String { Hash.digest(.sha256, Array(utf8)).hex }
}
