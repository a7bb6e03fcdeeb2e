import Dispatch
import Foundation
import Synchronization

/// Whether Ctrl-C or SIGTERM came. The first one asks to stop in an orderly way, the second one ends the process.
final class Interruption: Sendable {
    private struct State {
        var isRequested = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Takes over the two signals.
    init() {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // A source ends when nobody holds it: its own handler does.
            source.setEventHandler { [self] in withExtendedLifetime(source) { request() } }
            source.resume()
        }
    }

    /// Whether to stop.
    var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Calls `action` when the signal comes, or at once when it has come already.
    func onRequest(_ action: @escaping @Sendable () -> Void) {
        let isRequested = state.withLock {
            $0.action = action
            return $0.isRequested
        }
        if isRequested { action() }
    }

    private func request() {
        let action = state.withLock { state in
            if state.isRequested { _exit(130) }
            state.isRequested = true
            return state.action
        }
        action?()
    }
}
