import Logging
import ServiceLifecycle

/// Removes the objects whose time is over, and uploads in parts that nobody goes on with, now and then.
struct Expiry: Service {
    let catalog: Catalog
    let interval: Duration
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                do {
                    try await catalog.removeStaleUploads()
                    let count = try await catalog.removeExpired()
                    if count > 0 { logger.info("removed objects whose time is over", metadata: ["count": "\(count)"]) }
                } catch {
                    logger.warning("objects whose time is over stay: \(error)")
                }
                try await Task.sleep(for: interval)
            }
        }
    }
}
