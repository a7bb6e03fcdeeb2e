import Foundation
public import Kubernetes
public import Logging
import Pacing

/// Who of several controllers may act.
public protocol Leadership: Sendable {
    /// What this controller is called among them.
    var identity: String { get }
    /// Strives for leadership until the task is cancelled.
    ///
    /// - Parameter changed: called when it was won or lost.
    func run(changed: @escaping @Sendable () -> Void) async
    /// Whether this controller leads, and nobody else can at this moment.
    func isLeading() async -> Bool
    /// Why nobody may be able to lead at present, in words; `nil` as long as nothing is known against it.
    func obstacle() async -> String?
    /// Gives leadership up, so that another can have it at once.
    func release() async
}

/// The leadership of a controller that is alone.
public struct SoleLeadership: Leadership {
    /// See ``Leadership/identity``.
    public let identity: String
    /// A controller of that name.
    public init(identity: String) { self.identity = identity }
    /// Nothing to strive for.
    public func run(changed: @escaping @Sendable () -> Void) async { changed() }
    /// Always.
    public func isLeading() async -> Bool { true }
    /// Nothing.
    public func obstacle() async -> String? { nil }
    /// Nobody else would take it.
    public func release() async {}
}

/// How an election is timed. A crashed leader is replaced after the lease and one pause at most: seven seconds by default,
/// for one small call a second and candidate. Kubernetes' own controllers take fifteen seconds, ten and two.
public struct ElectionTiming: Sendable, Equatable {
    /// How long the others wait after the last renewal that they saw. Whole seconds.
    public var lease: Duration
    /// How long after its last renewal a leader acts.
    public var renewDeadline: Duration
    /// The pause between attempts.
    public var retry: Duration

    /// Timing of an election.
    public init(
        lease: Duration = .seconds(6), renewDeadline: Duration = .seconds(4), retry: Duration = .seconds(1)
    ) {
        self.lease = lease
        self.renewDeadline = renewDeadline
        self.retry = retry
    }
}

/// Elects one of several controllers by a Lease.
///
/// A follower takes over once the Lease has not changed for its whole duration; that is measured on the follower's own
/// clock from when it saw the change, so that clocks need not agree. A leader stops acting some time before that: when its
/// last renewal was begun longer ago than the renew deadline.
/// Source: `client-go/tools/leaderelection`.
public actor LeaseElection: Leadership {
    /// See ``Leadership/identity``.
    public nonisolated let identity: String
    private let client: KubernetesClient
    private let name: String
    private let timing: ElectionTiming
    private let logger: Logger
    private var observed: (lease: Lease?, at: ContinuousClock.Instant)?
    private var leadsUntil: ContinuousClock.Instant?
    private var wasLeading = false
    private var trouble: String?
    private static let server = "The Kubernetes API server"

    /// A candidate.
    ///
    /// - Parameters:
    ///   - name: the Lease's name, in the client's namespace.
    ///   - identity: unique among the candidates, also over restarts.
    public init(
        client: KubernetesClient, name: String, identity: String, timing: ElectionTiming = ElectionTiming(),
        logger: Logger
    ) {
        var client = client
        client.retry = .never
        self.client = client
        self.name = name
        self.identity = identity
        self.timing = timing
        self.logger = logger
    }

    /// See ``Leadership/run(changed:)``.
    public func run(changed: @escaping @Sendable () -> Void) async {
        repeat {
            await attempt()
            if isLeading() != wasLeading {
                wasLeading.toggle()
                let holder = observed?.lease?.spec.holderIdentity ?? ""
                logger.notice(
                    wasLeading ? "leading" : "no longer leading",
                    metadata: ["lease": "\(name)", "identity": "\(identity)", "holder": "\(holder)"])
                changed()
            }
        } while await pause(for: timing.retry * Double.random(in: 0.9...1.1))
    }

    /// See ``Leadership/isLeading()``.
    public func isLeading() -> Bool { leadsUntil.map { ContinuousClock.now < $0 } ?? false }

    /// See ``Leadership/obstacle()``.
    public func obstacle() -> String? { trouble }

    /// See ``Leadership/release()``.
    public func release() async {
        guard isLeading(), let lease = observed?.lease else { return }
        leadsUntil = nil
        var freed = lease
        freed.spec.holderIdentity = ""
        freed.spec.leaseDurationSeconds = 1
        freed.spec.renewTime = Date()
        do {
            _ = try await withTimeLimit(timing.renewDeadline / 2, for: Self.server) { [client, freed] in
                try await client.update(freed)
            }
        } catch {
            logger.warning("the lease could not be given back: \(error)")
        }
    }

    // MARK: - One attempt

    private func attempt() async {
        let begin = ContinuousClock.now
        do {
            leadsUntil = try await acquireOrRenew() ? begin + timing.renewDeadline : nil
            trouble = nil
        } catch is CancellationError {
            return
        } catch KubernetesError.conflict, KubernetesError.alreadyExists {
            // Somebody was faster, or it was our own call whose answer was lost: the next look will tell.
        } catch {
            if trouble == nil {
                logger.warning("the lease cannot be renewed: \(error)", metadata: ["lease": "\(name)"])
            }
            trouble = "\(error)"
        }
    }

    /// Looks at the Lease and takes or renews it where that is allowed. Whether it is ours then.
    private func acquireOrRenew() async throws -> Bool {
        let found = try await withTimeLimit(timing.renewDeadline / 2, for: Self.server) { [client, name] in
            try await client.lease(name)
        }
        if observed == nil || observed?.lease != found { observed = (found, ContinuousClock.now) }
        let now = Date()
        guard var lease = found else {
            let new = Lease(
                name: name,
                spec: .init(
                    holderIdentity: identity, leaseDurationSeconds: seconds, acquireTime: now, renewTime: now,
                    leaseTransitions: 0))
            note(
                try await withTimeLimit(timing.renewDeadline / 2, for: Self.server) { [client] in
                    try await client.create(new)
                })
            return true
        }
        if lease.spec.holderIdentity != identity {
            guard isFree(lease) else { return false }
            lease.spec.holderIdentity = identity
            lease.spec.acquireTime = now
            lease.spec.leaseTransitions = (lease.spec.leaseTransitions ?? 0) + 1
        }
        lease.spec.leaseDurationSeconds = seconds
        lease.spec.renewTime = now
        note(
            try await withTimeLimit(timing.renewDeadline / 2, for: Self.server) { [client, lease] in
                try await client.update(lease)
            })
        return true
    }

    /// Nobody holds it, or its holder has not renewed it for as long as it lasts.
    private func isFree(_ lease: Lease) -> Bool {
        guard let holder = lease.spec.holderIdentity, !holder.isEmpty else { return true }
        guard let observed else { return false }
        let duration = max(timing.lease, .seconds(lease.spec.leaseDurationSeconds ?? 0))
        return ContinuousClock.now - observed.at > duration
    }

    private func note(_ lease: Lease) { observed = (lease, ContinuousClock.now) }

    private var seconds: Int { max(1, Int(timing.lease / .seconds(1))) }
}
