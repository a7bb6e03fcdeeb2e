import NIOCore
import Synchronization

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
