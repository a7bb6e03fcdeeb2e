import Dispatch
import Foundation
import Synchronization
import Terminal

/// Whether Ctrl-C, SIGTERM or SIGHUP came. The first one asks to stop in an orderly way, the second one ends the process.
final class Interruption: Sendable {
    private struct State {
        var isRequested = false
        var action: (@Sendable () -> Void)?
    }

    /// The exit status of a command that was stopped.
    static let status: Int32 = 130

    private let state = Mutex(State())

    /// Takes over the signals.
    init() {
        for number in StandardStreams.endingSignals {
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

    /// Runs `body` as a task that the signal cancels.
    func run<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let work = Task { try await body() }
        onRequest { work.cancel() }
        return try await work.value
    }

    private func request() {
        let action = state.withLock { state in
            if state.isRequested { _exit(Self.status) }
            state.isRequested = true
            return state.action
        }
        action?()
    }
}
