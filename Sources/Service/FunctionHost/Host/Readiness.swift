import Foundation
import Logging
import Synchronization

/// Answers `/readyz`: looks at what the functions need, at most once a second.
final class Readiness: Sendable {
    private let checks: [ReadinessCheck]
    private let state: HostState
    private let logger: Logger
    private let latest = Mutex<(time: ContinuousClock.Instant, report: Report)?>(nil)

    struct Report: Encodable, Sendable {
        /// `ready`, `degraded`, `unready` or `draining`.
        var status: String
        /// The checks' names with `ok` or `failed`.
        var checks: [String: String]

        var isReady: Bool { status == "ready" || status == "degraded" }
    }

    init(_ functions: [any Function], state: HostState, logger: Logger) {
        var checks: [ReadinessCheck] = []
        for check in functions.flatMap(\.readinessChecks) {
            if let index = checks.firstIndex(where: { $0.name == check.name }) {
                if check.isRequired { checks[index] = check }
            } else {
                checks.append(check)
            }
        }
        self.checks = checks
        self.state = state
        self.logger = logger
    }

    func report() async -> Report {
        guard !state.isDraining else { return Report(status: "draining", checks: [:]) }
        let known = latest.withLock { $0 }
        if let known, ContinuousClock.now - known.time < .seconds(1) { return known.report }
        let report = await look()
        latest.withLock { $0 = (.now, report) }
        return report
    }

    private func look() async -> Report {
        var failed: Set<String> = []
        await withTaskGroup(of: String?.self) { group in
            for check in checks {
                group.addTask { await self.passes(check) ? nil : check.name }
            }
            for await name in group { if let name { failed.insert(name) } }
        }
        let isUnready = checks.contains { $0.isRequired && failed.contains($0.name) }
        return Report(
            status: isUnready ? "unready" : failed.isEmpty ? "ready" : "degraded",
            checks: Dictionary(
                uniqueKeysWithValues: checks.map { ($0.name, failed.contains($0.name) ? "failed" : "ok") }))
    }

    private func passes(_ check: ReadinessCheck) async -> Bool {
        do {
            try await withTimeLimit(.seconds(2)) { try await check.probe() }
            return true
        } catch {
            logger.warning(
                "readiness check failed", metadata: ["check": .string(check.name), "error": .string("\(error)")])
            return false
        }
    }
}
