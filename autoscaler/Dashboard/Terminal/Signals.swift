import Dispatch
import Foundation

/// The signals that the program listens to instead of being ended by them.
final class Signals {
    private let sources: [any DispatchSourceSignal]

    /// Calls `handle` for each signal of `numbers` that comes, until this value is gone.
    init(_ numbers: [Int32], handle: @escaping @Sendable (Int32) -> Void) {
        sources = numbers.map { number in
            // The source sees the signal all the same; ignoring it keeps it from ending the process.
            if number != SIGWINCH && number != SIGCONT { signal(number, SIG_IGN) }
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { handle(number) }
            source.resume()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}
