import Foundation
import Hummingbird

/// A request's body as it comes in, chunk by chunk; the client is slowed down to the speed of the reader.
///
/// It can be read once. Reading throws a ``Problem`` when the body is over the function's limit (413), or when the
/// client went away or stopped before the body's end (400): a body that ends without an error is complete.
public struct FunctionBody: AsyncSequence, Sendable {
    /// A chunk of the body.
    public typealias Element = Data

    private let source: RequestBody
    let meter: BodyMeter

    /// The body's length in bytes when the client told it.
    public var declaredLength: Int? { meter.declaredLength }

    init(_ source: RequestBody, meter: BodyMeter) {
        self.source = source
        self.meter = meter
    }

    /// A body of no bytes.
    public static var empty: FunctionBody { FunctionBody(Data()) }

    /// A body of these bytes, for tests.
    public init(_ data: Data) {
        source = RequestBody(buffer: ByteBuffer(bytes: data))
        meter = BodyMeter(declaredLength: data.count, limit: .max, proceed: {})
    }

    /// A body of unknown length, for tests.
    public init<Chunks: AsyncSequence & Sendable>(chunks: Chunks)
    where Chunks.Element == Data, Chunks.AsyncIterator: SendableMetatype {
        source = RequestBody(asyncSequence: chunks.map { ByteBuffer(bytes: $0) })
        meter = BodyMeter(declaredLength: nil, limit: .max, proceed: {})
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source: source.makeAsyncIterator(), meter: meter) }

    /// Reads the whole body into memory.
    ///
    /// - Throws: a 413 ``Problem`` when it is longer than `limit` bytes.
    public func collect(upTo limit: Int) async throws -> Data {
        if let declaredLength, declaredLength > limit { throw Problem.bodyTooLarge(limit: limit) }
        var data = Data()
        for try await chunk in self {
            guard data.count + chunk.count <= limit else { throw Problem.bodyTooLarge(limit: limit) }
            data.append(chunk)
        }
        return data
    }

    /// The chunks, one after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private var source: RequestBody.AsyncIterator
        private let meter: BodyMeter

        init(source: RequestBody.AsyncIterator, meter: BodyMeter) {
            self.source = source
            self.meter = meter
        }

        /// The next chunk, or nil at the body's end.
        public mutating func next() async throws -> Data? {
            try await meter.begin()
            let buffer: ByteBuffer?
            do {
                buffer = try await source.next()
            } catch {
                meter.interrupt()
                throw error is CancellationError || error is Problem ? error : Problem.bodyIncomplete
            }
            // The end of a stream whose reader was cancelled looks like the end of the body.
            if Task.isCancelled {
                meter.interrupt()
                throw CancellationError()
            }
            guard let buffer else {
                try meter.end()
                return nil
            }
            try meter.count(buffer.readableBytes)
            return buffer.withUnsafeReadableBytes { Data($0) }
        }
    }
}
