import Foundation
import Hummingbird
import Streams
import Synchronization

/// A request that fits one of the function's routes.
public struct FunctionRequest: Sendable {
    /// The method in upper case.
    public var method: String
    /// The path as it was sent, without the query.
    public var path: String
    /// The route that the path fits, for example `/fetch/{job}`.
    public var route: String
    /// The values of the route's placeholders, percent-decoded.
    public var parameters: [String: String]
    /// The query.
    public var query: QueryItems
    /// The headers.
    public var headers: HTTPFields
    /// The body, read once.
    public var body: FunctionBody

    /// A request; tests that call a handler without a host make one.
    public init(
        method: String, path: String, route: String, parameters: [String: String] = [:], query: QueryItems = .init(),
        headers: HTTPFields = [:], body: FunctionBody = .empty
    ) {
        self.method = method
        self.path = path
        self.route = route
        self.parameters = parameters
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The value of a header whose name is not one of the known ones.
    public func header(_ name: String) -> String? {
        HTTPField.Name(name).flatMap { headers[$0] }
    }
}

/// A request's body as it comes in, chunk by chunk; the client is slowed down to the speed of the reader.
///
/// It can be read once. Reading throws a ``Problem`` when the body is over the function's limit (413), or when the
/// client went away or stopped before the body's end (400): a body that ends without an error is complete.
public struct FunctionBody: AsyncSequence, Sendable {
    /// A chunk of the body.
    public typealias Element = ByteBuffer

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
            guard data.count + chunk.readableBytes <= limit else { throw Problem.bodyTooLarge(limit: limit) }
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
        public mutating func next() async throws -> ByteBuffer? {
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
            return buffer
        }
    }
}

extension FunctionBody {
    /// The body as an object that can be handed from one task to the next. Make one reader a body.
    public func reader() -> Reader { Reader(self) }

    /// Reads a body for whoever asks, one at a time.
    ///
    /// `@unchecked Sendable`: the iterator is only touched by the caller that holds the flag; a second one at the
    /// same time is refused.
    public final class Reader: @unchecked Sendable {
        private var iterator: AsyncIterator
        private let isReading = Atomic<Bool>(false)

        fileprivate init(_ body: FunctionBody) { iterator = body.makeAsyncIterator() }

        /// The next chunk, or nil at the body's end.
        ///
        /// - Throws: what reading the body throws, and ``ReaderBusy`` when another task is reading.
        public func next() async throws -> ByteBuffer? {
            guard !isReading.exchange(true, ordering: .acquiring) else { throw ReaderBusy() }
            defer { isReading.store(false, ordering: .releasing) }
            return try await iterator.next()
        }
    }

    /// Two tasks read one body at the same time; a mistake in the function.
    public struct ReaderBusy: Error {}
}

/// Counts a request's body while it is read, and holds it to its limit and to its declared length.
final class BodyMeter: Sendable {
    let declaredLength: Int?
    private let limit: Int
    private let proceed: @Sendable () async -> Void
    private let received = Atomic<Int>(0)
    private let hasBegun = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)
    private let wasInterrupted = Atomic<Bool>(false)

    /// - Parameter proceed: called before the first byte is read; tells a client that waits for it to go on.
    init(declaredLength: Int?, limit: Int, proceed: @escaping @Sendable () async -> Void) {
        self.declaredLength = declaredLength
        self.limit = limit
        self.proceed = proceed
    }

    /// Bytes read so far.
    var count: Int { received.load(ordering: .relaxed) }

    /// Whether the whole body was read, or there was none.
    var isComplete: Bool { !isInterrupted && (hasEnded.load(ordering: .relaxed) || declaredLength == count) }

    /// Whether reading failed or was cancelled; the rest of the body cannot be read any more.
    var isInterrupted: Bool { wasInterrupted.load(ordering: .relaxed) }

    func interrupt() { wasInterrupted.store(true, ordering: .relaxed) }

    func begin() async throws {
        guard !isInterrupted else { throw Problem.bodyIncomplete }
        guard !hasBegun.exchange(true, ordering: .relaxed) else { return }
        await proceed()
    }

    func count(_ bytes: Int) throws {
        let (_, total) = received.add(bytes, ordering: .relaxed)
        guard total <= limit else { throw Problem.bodyTooLarge(limit: limit) }
    }

    func end() throws {
        if let declaredLength, declaredLength != count { throw Problem.bodyIncomplete }
        hasEnded.store(true, ordering: .relaxed)
    }
}

/// The entity tags of `If-None-Match`, compared weakly.
package struct EntityTags: Sendable {
    private let tags: Set<String>
    private let isAny: Bool

    package init?(_ header: String?) {
        guard let header else { return nil }
        isAny = header.trimmingCharacters(in: .whitespaces) == "*"
        tags = Set(header.matches(of: /"[^"]*"/).map { String($0.output) })
    }

    package func contains(_ tag: String) -> Bool { isAny || tags.contains(tag) }
}

/// The id of a request in `X-Request-Id`.
enum RequestID {
    /// The client's id when it is sound (1 to 128 of letters, digits, `-`, `_`, `.`, `:`), else a new one.
    static func accepted(_ header: String?) -> String {
        guard let header, (1...128).contains(header.utf8.count), header.utf8.allSatisfy(isAllowed) else {
            return random()
        }
        return header
    }

    /// 128 random bits as 32 hexadecimal digits.
    static func random() -> String {
        Hexadecimal.digits(of: UInt64.random(in: .min ... .max))
            + Hexadecimal.digits(of: UInt64.random(in: .min ... .max))
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }
}

enum Hexadecimal {
    /// 16 lower-case digits.
    static func digits(of value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
