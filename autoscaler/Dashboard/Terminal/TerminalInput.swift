import Foundation
import Threading

/// Reads keys from the terminal, on a thread of its own.
final class TerminalInput: Sendable {
    private let thread = BlockingThread(name: "terminal-in")
    private let descriptor: Int32
    private let wake: Pipe

    /// How long the rest of an escape sequence may take, in milliseconds, before it was the Escape key.
    private static let patience: Int32 = 50

    init(descriptor: Int32) {
        self.descriptor = descriptor
        wake = Pipe()
    }

    /// Reads until the input ends or ``stop()`` is called.
    func run(_ handle: @escaping @Sendable ([Key]) -> Void) async {
        try? await thread.run { [descriptor, reading = wake.fileHandleForReading.fileDescriptor] in
            var parser = KeyParser()
            while true {
                var ready = [
                    pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: reading, events: Int16(POLLIN), revents: 0),
                ]
                let count = poll(&ready, 2, parser.isWaiting ? Self.patience : -1)
                if count < 0 && errno == EINTR { continue }
                if count < 0 || ready[1].revents != 0 { return }
                if count == 0 {
                    handle(parser.flush())
                    continue
                }
                var bytes = [UInt8](repeating: 0, count: 256)
                let length = read(descriptor, &bytes, bytes.count)
                if length < 0 && (errno == EINTR || errno == EAGAIN) { continue }
                if length <= 0 { return }
                let keys = parser.take(bytes[..<length])
                if !keys.isEmpty { handle(keys) }
            }
        }
    }

    /// Ends ``run(_:)``.
    func stop() { try? wake.fileHandleForWriting.write(contentsOf: [0]) }
}
