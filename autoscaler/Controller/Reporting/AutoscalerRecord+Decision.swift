import Jobs
import Policy
import ServiceContract

extension AutoscalerRecord {
    /// A decision as everybody who watches is told of it.
    init(
        _ decision: Decision, _ observation: Policy.Observation, audioSeconds: Double?, _ settings: Settings,
        lastChange: Change?, leader: String
    ) {
        let fleet = observation.fleet.value
        let pending = fleet?.workers.count { worker in
            switch worker.phase {
            case .pending, .starting: true
            case .ready, .terminating: false
            }
        }
        let backlog = observation.backlog.value
        let room = observation.memory.value
        self.init(
            replicas: Replicas(
                now: decision.replicas ?? fleet?.replicas, wanted: decision.target, ready: fleet?.ready ?? 0,
                pending: pending ?? 0),
            bounds: Bounds(minimum: settings.minReplicas, maximum: settings.maxReplicas),
            reasons: decision.reasons.map { Reason(code: $0.code, sentence: $0.description) },
            observation: Observation(
                waiting: backlog?.waiting, inFlight: backlog?.inFlight, audioSeconds: audioSeconds,
                realTimeFactor: backlog?.realTimeFactor, memoryPerWorker: room.map { Int($0.request) },
                memoryRoom: fleet.flatMap { room?.ceiling(for: $0) }),
            lastChange: lastChange, leader: leader)
    }
}
