import ServiceLifecycle

/// Cuts off clients that stop taking their answer, so that they hold no memory, file or place for ever.
struct StallWatchdog: Service {
    let state: HostState
    let limit: Duration

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: min(limit / 4, .seconds(1)))
                state.cutStalled(limit: limit, now: .now)
            }
        }
    }
}

/// Keeps the host reachable, but unready, for a while after it was asked to end.
struct DrainDelay: Service {
    let state: HostState
    let delay: Duration

    func run() async throws {
        try? await gracefulShutdown()
        state.drain()
        try? await Task.sleep(for: delay)
    }
}
