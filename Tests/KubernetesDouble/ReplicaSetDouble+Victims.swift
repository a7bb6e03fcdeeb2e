import Foundation
public import Kubernetes

extension ReplicaSetDouble {
    /// Whom a ReplicaSet ends first, in the documented order: not on a node, pending, not ready, lower deletion cost, more
    /// of their kind on the same node, ready for a shorter time, more restarts, newer.
    public static func victims(among pods: [Pod], count: Int) -> [Pod] {
        guard count > 0 else { return [] }
        let neighbours = Dictionary(grouping: pods) { $0.spec?.nodeName ?? "" }.mapValues(\.count)
        let ranked = pods.sorted { left, right in
            for isFirst in comparisons(left, right, neighbours) {
                if let isFirst { return isFirst }
            }
            return left.name < right.name
        }
        return Array(ranked.prefix(count))
    }

    /// For each criterion whether `left` goes first; `nil` where it does not tell.
    private static func comparisons(_ left: Pod, _ right: Pod, _ neighbours: [String: Int]) -> [Bool?] {
        func lower<Value: Comparable>(_ value: (Pod) -> Value) -> Bool? {
            value(left) == value(right) ? nil : value(left) < value(right)
        }
        return [
            lower { $0.spec?.nodeName == nil ? 0 : 1 },
            lower { ["Pending": 0, "Unknown": 1][$0.status?.phase ?? "", default: 2] },
            lower { $0.isReady ? 1 : 0 },
            lower { $0.deletionCost },
            lower { -(neighbours[$0.spec?.nodeName ?? ""] ?? 0) },
            lower { -($0.readySince?.timeIntervalSinceReferenceDate ?? 0) },
            lower { -$0.restarts },
            lower { -($0.metadata.creationTimestamp?.timeIntervalSinceReferenceDate ?? 0) },
        ]
    }
}
