import Synchronization

/// Messages for one reader, who takes all that have come at once, so that a burst of them is drawn once.
final class Mailbox: Sendable {
    private let messages = Mutex<[Message]>([])
    private let ringer: AsyncStream<Void>.Continuation
    /// Rings when there are messages.
    let bell: AsyncStream<Void>

    init() { (bell, ringer) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// Leaves a message.
    func send(_ message: Message) {
        messages.withLock { $0.append(message) }
        ringer.yield()
    }

    /// The messages that have come, in the order in which they came.
    func take() -> [Message] {
        messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}
