import Foundation
import Kubernetes
import Policy

extension FleetMember {
    /// A pod as a worker. Ages are measured by our clock against the cluster's.
    init(_ pod: Pod, at now: Date) {
        func age(_ since: Date?) -> Duration { .seconds(max(0, now.timeIntervalSince(since ?? now))) }
        let scheduled = pod.status?.conditions?.first { $0.type == "PodScheduled" }
        let isPlaced = pod.spec?.nodeName != nil || scheduled?.status == "True"
        let phase: Worker.Phase =
            if pod.isTerminating {
                .terminating
            } else if pod.isReady {
                .ready
            } else if isPlaced {
                .starting(age(scheduled?.lastTransitionTime ?? pod.metadata.creationTimestamp))
            } else {
                .pending(age(pod.metadata.creationTimestamp))
            }
        let containers = pod.status?.containerStatuses ?? []
        let kills = containers.flatMap { [$0.state?.terminated, $0.lastState?.terminated] }.compactMap(\.self)
            .filter { $0.reason == "OOMKilled" }
        self.init(
            id: pod.name, phase: phase,
            isStopped: containers.isEmpty
                || containers.allSatisfy { $0.state?.waiting != nil || $0.state?.terminated != nil },
            killedForMemory: kills.map { age($0.finishedAt) }.min())
    }
}
