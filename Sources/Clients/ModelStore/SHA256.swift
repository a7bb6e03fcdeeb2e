import COpenSSL
import Foundation

/// SHA-256 of files, by OpenSSL.
enum SHA256 {
    /// The checksum of a file's content as 64 hex digits. Blocking.
    ///
    /// - Throws: `ModelStoreError.inaccessible`
    static func ofFile(_ url: URL) throws -> String {
        let inaccessible = { ModelStoreError.inaccessible(path: url.path, reason: $0) }
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw inaccessible(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        guard let context = EVP_MD_CTX_new() else { throw inaccessible("OpenSSL has no memory") }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else { throw inaccessible("OpenSSL has no SHA-256") }
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { chunk.deallocate() }
        while true {
            let count = read(descriptor, chunk.baseAddress, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw inaccessible(String(cString: strerror(errno))) }
            if count == 0 { break }
            guard EVP_DigestUpdate(context, chunk.baseAddress, count) == 1 else {
                throw inaccessible("OpenSSL failed to compute its SHA-256")
            }
        }
        var digest = [UInt8](repeating: 0, count: 32)
        guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else {
            throw inaccessible("OpenSSL failed to compute its SHA-256")
        }
        return digest.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// Checks that a file's checksum begins with `prefix`. Blocking. `name` stands in the error for the file's own.
    ///
    /// - Throws: `ModelStoreError.wrongChecksum`, `.inaccessible`
    static func verify(_ url: URL, prefix: String, name: String? = nil) throws {
        let sum = try ofFile(url)
        guard sum.hasPrefix(prefix) else {
            throw ModelStoreError.wrongChecksum(
                file: name ?? url.lastPathComponent, expected: prefix, found: String(sum.prefix(max(prefix.count, 8))))
        }
    }
}
