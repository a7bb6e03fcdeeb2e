import Foundation
import Hummingbird

/// Writes the body of an answer. Each write waits until the client has taken enough of what was written before.
public struct BodyWriter {
    private var base: any ResponseBodyWriter
    private let exchange: Exchange
    private let length: Int?
    private var written = 0

    init(_ base: any ResponseBodyWriter, exchange: Exchange, length: Int?) {
        self.base = base
        self.exchange = exchange
        self.length = length
    }

    /// Sends these bytes.
    ///
    /// - Throws: when the client is gone, or has taken nothing for too long.
    public mutating func write(_ data: Data) async throws {
        guard !data.isEmpty else { return }
        written += data.count
        if let length, written > length { throw BodyLengthError(expected: length, actual: written) }
        exchange.writeBegins()
        try await base.write(ByteBuffer(bytes: data))
        exchange.writeEnds(bytes: data.count)
    }

    consuming func finish() async throws {
        if let length, written != length { throw BodyLengthError(expected: length, actual: written) }
        try await base.finish(nil)
    }
}

/// The writer gave another number of bytes than it had promised; the connection is cut.
struct BodyLengthError: Error, CustomStringConvertible {
    let expected: Int
    let actual: Int

    var description: String { "the answer was to have \(expected) bytes and had \(actual)" }
}
