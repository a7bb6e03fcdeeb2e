import NIOCore
import Streams
import Synchronization

// Between a task that reads or makes a body in its own time and the thread on which libcurl moves the bytes: a bounded buffer
// for each direction. Whichever side is ahead waits for the other, so a slow reader slows the server down and memory stays flat.

/// A streamed request body on its way from the task that makes it to the transfer's thread.
///
/// At most ``capacity`` bytes and one chunk wait here; then the producer waits.
final class OutgoingBody: Sendable {
    /// Bytes that may wait for the network: four of the transfer's buffers.
    static let capacity = 128 << 10

    enum Reading {
        case bytes(Int)
        case later
        case failed
    }

    private struct State {
        /// Chunks as they came, the first of them perhaps read in part; joining them would copy and grow a buffer.
        var chunks: [ByteBuffer] = []
        var waiting = 0
        var end: Result<Void, any Error>?
        var isClosed = false
        var isPaused = false
        var producer: CheckedContinuation<Void, Never>?

        /// Moves as many bytes as there are, or as `target` takes, and tells how many.
        mutating func take(into target: UnsafeMutableRawBufferPointer) -> Int {
            var (count, finished) = (0, 0)
            while count < target.count, finished < chunks.count {
                let room = UnsafeMutableRawBufferPointer(rebasing: target[count...])
                count += chunks[finished].readWithUnsafeReadableBytes { bytes in
                    let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(room.count))
                    room.copyMemory(from: part)
                    return part.count
                }
                if chunks[finished].readableBytes == 0 { finished += 1 }
            }
            chunks.removeSubrange(..<finished)
            waiting -= count
            return count
        }
    }

    private let state = Mutex(State())

    // MARK: The transfer's side

    /// Copies waiting bytes into `target`; no bytes means the body's end.
    func read(into target: UnsafeMutableRawBufferPointer) -> Reading {
        let (reading, producer) = state.withLock { state -> (Reading, CheckedContinuation<Void, Never>?) in
            if state.chunks.isEmpty {
                switch state.end {
                case .success: return (.bytes(0), nil)
                case .failure: return (.failed, nil)
                case nil:
                    state.isPaused = true
                    return (.later, nil)
                }
            }
            let count = state.take(into: target)
            guard state.waiting < Self.capacity else { return (.bytes(count), nil) }
            defer { state.producer = nil }
            return (.bytes(count), state.producer)
        }
        producer?.resume()
        return reading
    }

    /// Nothing more is read; a waiting producer goes on and learns of it.
    func close() {
        let producer = state.withLock { state in
            state.isClosed = true
            defer { state.producer = nil }
            return state.producer
        }
        producer?.resume()
    }

    /// The producer's error, where it had one.
    var failure: (any Error)? {
        state.withLock { state in if case .failure(let error) = state.end { error } else { nil } }
    }

    // MARK: The producer's side

    /// Sends everything `stream` gives. `resume` is called when a paused transfer can go on.
    func send(_ stream: ByteStream, length: Int?, resume: () -> Void) async {
        do {
            var sent = 0
            for try await chunk in stream where chunk.readableBytes > 0 {
                sent += chunk.readableBytes
                if let length, sent > length { throw HTTPError.wrongBodyLength(announced: length, sent: sent) }
                let isRead = await append(chunk, resume: resume)
                try Task.checkCancellation()
                guard isRead else { return }
            }
            try Task.checkCancellation()
            if let length, sent < length { throw HTTPError.wrongBodyLength(announced: length, sent: sent) }
            end(.success(()), resume: resume)
        } catch {
            end(.failure(error), resume: resume)
        }
    }

    /// Hands over a chunk and waits until there is room again; `false` when nobody reads any more.
    private func append(_ chunk: ByteBuffer, resume: () -> Void) async -> Bool {
        await withTaskCancellationHandler {
            await handOver(chunk, resume: resume)
        } onCancel: {
            close()
        }
        return state.withLock { !$0.isClosed }
    }

    private func handOver(_ chunk: ByteBuffer, resume: () -> Void) async {
        await withCheckedContinuation { continuation in
            let (goOn, wasPaused) = state.withLock { state -> (Bool, Bool) in
                guard !state.isClosed else { return (true, false) }
                state.chunks.append(chunk)
                state.waiting += chunk.readableBytes
                defer { state.isPaused = false }
                guard state.waiting >= Self.capacity else { return (true, state.isPaused) }
                state.producer = continuation
                return (false, state.isPaused)
            }
            if wasPaused { resume() }
            if goOn { continuation.resume() }
        }
    }

    private func end(_ result: Result<Void, any Error>, resume: () -> Void) {
        let wasPaused = state.withLock { state in
            if state.end == nil { state.end = result }
            defer { state.isPaused = false }
            return state.isPaused
        }
        if wasPaused { resume() }
    }
}

/// The answer on its way from the transfer's thread to the task that reads it.
///
/// At most ``capacity`` bytes wait here (and one of libcurl's buffers more); then the transfer pauses until they are read.
final class IncomingBody: Sendable {
    /// Bytes that may wait for the reader.
    static let capacity = 256 << 10

    struct Head: Sendable {
        var status: Int
        var headers: HTTPHeaders
    }

    private struct State {
        var head: Result<Head, any Error>?
        var headWaiter: CheckedContinuation<Head, any Error>?
        var buffer = ByteBuffer()
        var end: Result<Void, any Error>?
        var reader: CheckedContinuation<ByteBuffer?, any Error>?
        var isPaused = false
    }

    private let state = Mutex(State())

    // MARK: The transfer's side

    func receive(head: Head) {
        let waiter = state.withLock { state -> CheckedContinuation<Head, any Error>? in
            guard state.head == nil else { return nil }
            state.head = .success(head)
            defer { state.headWaiter = nil }
            return state.headWaiter
        }
        waiter?.resume(returning: head)
    }

    /// Takes the bytes, or refuses them all when the reader is behind; the transfer then pauses.
    func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let (isTaken, reader) = state.withLock { state -> (Bool, CheckedContinuation<ByteBuffer?, any Error>?) in
            if let reader = state.reader {
                state.reader = nil
                return (true, reader)
            }
            guard state.buffer.readableBytes < Self.capacity else {
                state.isPaused = true
                return (false, nil)
            }
            state.buffer.writeBytes(bytes)
            return (true, nil)
        }
        reader?.resume(returning: ByteBuffer(bytes: bytes))
        return isTaken
    }

    /// Ends the answer; only the first call counts.
    func finish(_ result: Result<Void, any Error>) {
        let waiters = state.withLock { state in
            guard state.end == nil else {
                return (
                    nil as CheckedContinuation<Head, any Error>?, nil as CheckedContinuation<ByteBuffer?, any Error>?
                )
            }
            state.end = result
            if state.head == nil, case .failure(let error) = result { state.head = .failure(error) }
            defer { (state.headWaiter, state.reader) = (nil, nil) }
            return (state.headWaiter, state.reader)
        }
        switch result {
        case .success:
            waiters.0?.resume(throwing: HTTPError.failed("the server", "it ended its answer before the header fields"))
            waiters.1?.resume(returning: nil)
        case .failure(let error):
            waiters.0?.resume(throwing: error)
            waiters.1?.resume(throwing: error)
        }
    }

    var isFinished: Bool { state.withLock { $0.end != nil } }

    // MARK: The reader's side

    func head() async throws -> Head {
        try await withCheckedThrowingContinuation { continuation in
            let known = state.withLock { state -> Result<Head, any Error>? in
                if state.head == nil { state.headWaiter = continuation }
                return state.head
            }
            if let known { continuation.resume(with: known) }
        }
    }

    /// The next bytes, `nil` at the end. `resume` is called when a paused transfer can go on.
    func next(resume: () -> Void) async throws -> ByteBuffer? {
        try await withCheckedThrowingContinuation { continuation in
            let (known, wasPaused) = state.withLock { state -> (Result<ByteBuffer?, any Error>?, Bool) in
                if state.buffer.readableBytes > 0 {
                    let data = state.buffer
                    state.buffer = ByteBuffer()
                    defer { state.isPaused = false }
                    return (.success(data), state.isPaused)
                }
                if let end = state.end { return (end.map { nil }, false) }
                state.reader = continuation
                defer { state.isPaused = false }
                return (nil, state.isPaused)
            }
            if wasPaused { resume() }
            if let known { continuation.resume(with: known) }
        }
    }
}
