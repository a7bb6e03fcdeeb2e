import Controller
import Foundation
import Jobs
import Kubernetes
import KubernetesDouble
import Policy
import TestSupport
import Testing

/// What a real control plane does to a controller: rollouts, quotas, other hands, Deployments created anew.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ControlPlaneTests {
    @Test func rolloutsDuringABurstNeverLiftTheNumber() async throws {
        try await Stage.with(work: 30..<120) { stage in
            let settings = quickSettings { $0.maxReplicas = 6 }
            try await stage.running(stage.controller(settings: settings)) {
                let ids = try await stage.enqueue(80)
                for version in 0..<4 {
                    // With nobody left of older versions, this rollout leaves at most one generation at its last job.
                    try await eventually("the fleet is up") {
                        let pods = stage.cluster.pods
                        return pods.count(where: \.isReady) >= 4 && pods.allSatisfy { !$0.isTerminating }
                    }
                    try stage.cluster.patch(
                        .deployments, "worker",
                        ["spec": ["template": ["metadata": ["annotations": ["version": .string("\(version)")]]]]])
                    try await eventually("both versions live") {
                        Set(stage.cluster.pods.filter { !$0.isTerminating }.compactMap(\.revision)).count == 2
                    }
                }
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                #expect(stage.cluster.scalings().allSatisfy { $0 <= 6 }, "\(stage.cluster.scalings())")
                #expect(stage.workers.most <= 6 + 2 + 6, "those that finish their job live a little longer")
                #expect(stage.workers.commits.values.allSatisfy { $0 == 1 })
            }
        }
    }

    @Test func aRolloutOfAFixedNumberPatchesNothing() async throws {
        try await Stage.with(replicas: 4) { stage in
            let settings = quickSettings { ($0.minReplicas, $0.maxReplicas) = (4, 4) }
            try await stage.running(stage.controller(settings: settings)) {
                try await eventually("the fleet is up") { stage.cluster.pods.count(where: \.isReady) == 4 }
                let before = Set(stage.cluster.pods.map(\.name))
                try stage.cluster.patch(
                    .deployments, "worker", ["spec": ["template": ["metadata": ["annotations": ["restarted": "now"]]]]])
                try await eventually("all pods are new") {
                    let pods = stage.cluster.pods
                    return pods.count(where: \.isReady) == 4 && before.isDisjoint(with: pods.map(\.name))
                }
                #expect(stage.cluster.scalings() == [])
            }
        }
    }

    @Test func aDeploymentCreatedAnewHasItsOwnPods() async throws {
        try await Stage.with { stage in
            try await stage.running(stage.controller()) {
                stage.workers.hold()
                let ids = try await stage.enqueue(8)
                try await eventually("four work") { stage.workers.busy.count == 4 }
                let before = stage.cluster.scalings()
                try stage.cluster.remove(.deployments, "worker")
                try stage.cluster.putWorker(replicas: 4, app: "worker-b")
                try await eventually("the new pods are watched") {
                    stage.cluster.calls.contains { $0.target.contains("watch=1") && $0.target.contains("worker-b") }
                }
                try await eventually("the old work goes on, and the new fleet is up") {
                    stage.cluster.pods.count { $0.isReady && $0.metadata.labels?["app"] == "worker-b" } == 4
                }
                #expect(stage.cluster.scalings().dropFirst(before.count).allSatisfy { $0 >= 4 })
                stage.workers.letGo()
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                #expect(stage.workers.killed == [])
            }
        }
    }

    @Test(arguments: [
        "limits.memory": "1200Mi", "requests.cpu": "1", "limits.cpu": "2500m", "count/pods": "2", "pods": "2",
    ])
    func aQuotaIsNamed(resource: String, hard: String) async throws {
        try await Stage.with { stage in
            try stage.cluster.putQuota(resource, hard)
            try await stage.running(stage.controller()) {
                let ids = try await stage.enqueue(8)
                try await eventually("it is capped") {
                    try await stage.board.read()?.reasons.contains {
                        $0.code == "quota-capped" && $0.sentence.hasPrefix("capped: \(resource) 2 of ")
                    } ?? false
                }
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                #expect(stage.cluster.scalings().max() == 2)
                #expect(stage.cluster.notes("QuotaCapped").count == 1)
            }
        }
    }

    @Test func refusedPodsAreToldOf() async throws {
        try await Stage.with { stage in
            // Which pods this quota counts is not worked out beforehand.
            try stage.cluster.putQuota("count/pods", "2", onlyPriority: true)
            try await stage.running(stage.controller()) {
                stage.workers.hold()
                let ids = try await stage.enqueue(8)
                try await eventually("the refusal is told") {
                    try await stage.board.read()?.reasons.contains {
                        $0.code == "refused" && $0.sentence.contains("exceeded quota: count-pods")
                    } ?? false
                }
                #expect(stage.cluster.notes("Refused").count == 1)
                stage.workers.letGo()
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                #expect(stage.workers.killed == [])
            }
        }
    }

    @Test func workersOfANewDeploymentGoBeforeTheyWork() async throws {
        try await Stage.with(replicas: 1) { stage in
            let settings = quickSettings { ($0.stabilisationWindow, $0.idleWindow) = (.seconds(3600), .seconds(3600)) }
            try await stage.running(stage.controller(settings: settings)) {
                try await eventually("nobody has asked for it") { stage.replicas == 0 }
                try await eventually("it is gone") { stage.cluster.pods.isEmpty }
                let note = "Scaled from 1 to 0: no jobs; nobody has asked for workers yet"
                try await eventually("it is told") { stage.cluster.notes("ScaledDown") == [note] }
            }
        }
    }

    @Test func aNumberThatSomebodyElseSetsIsLeftAlone() async throws {
        try await Stage.with { stage in
            try await stage.running(stage.controller()) {
                let ids = try await stage.enqueue(4)
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                try await eventually("the fleet is gone") { stage.replicas == 0 }
                let before = stage.cluster.scalings().count
                try stage.cluster.patch(.deployments, "worker", ["spec": ["replicas": 3]])
                try await eventually("it is noticed") {
                    try await stage.board.read()?.reasons.last?.sentence
                        .hasPrefix("somebody else has set 3 workers: left alone for ") ?? false
                }
                let looks = stage.cluster.calls.count
                try await eventually("ten more rounds have looked") { stage.cluster.calls.count >= looks + 10 }
                #expect(stage.cluster.scalings().count == before && stage.replicas == 3)
                #expect(stage.cluster.notes("Yielding").count == 1)
                // The operator's word counts all the same.
                try await stage.board.setControl(.override(1))
                try await eventually("the override is in force") { stage.replicas == 1 }
            }
        }
    }

    @Test func otherHandsAreGivenLongerAndLongerRests() {
        func moment(_ seconds: Int) -> Moment { Moment(.seconds(seconds)) }
        var changes = ForeignChanges()
        changes.observe(3, identity: "a", at: moment(0))
        #expect(changes.rest(at: moment(0)) == nil, "how it was found is nobody's change")
        changes.setting(5)
        changes.observe(5, identity: "a", at: moment(1))
        changes.setting(7)
        changes.observe(5, identity: "a", at: moment(2))
        #expect(changes.rest(at: moment(2)) == nil, "a call that failed changes nothing")
        changes.observe(2, identity: "a", at: moment(3))
        #expect(changes.rest(at: moment(3)) == .seconds(30))
        #expect(changes.rest(at: moment(33)) == nil)
        changes.observe(9, identity: "a", at: moment(40))
        #expect(changes.rest(at: moment(40)) == .seconds(60))
        for turn in 0..<9 { changes.observe(turn % 2, identity: "a", at: moment(50 + turn)) }
        #expect(changes.rest(at: moment(58)) == .seconds(600))
        changes.observe(4, identity: "a", at: moment(10_000))
        #expect(changes.rest(at: moment(10_000)) == .seconds(30))
        var anew = ForeignChanges()
        anew.observe(3, identity: "a", at: moment(0))
        anew.observe(1, identity: "b", at: moment(1))
        #expect(anew.rest(at: moment(1)) == nil, "another Deployment begins with a number of its own")
    }

    @Test func whenTheAPIServerIsAwayTheControllerSaysSo() async throws {
        try await Stage.with { stage in
            let timing = ElectionTiming(lease: .seconds(2), renewDeadline: .seconds(1), retry: .milliseconds(200))
            try await stage.running(stage.controller(timing: timing)) {
                try await eventually("it leads and has looked") { try await stage.board.read() != nil }
                stage.cluster.refuseEverything()
                try await eventually("it says why") {
                    let record = try await stage.board.read()
                    return record?.reasons.map(\.code) == ["no-leader"] && record?.leader == "a"
                        && record?.reasons[0].sentence.contains("HTTP 503") == true
                }
                let first = try await stage.board.read()?.decidedAt
                try await eventually("it goes on saying so") { try await stage.board.read()?.decidedAt != first }
                stage.cluster.recover()
                try await eventually("it decides again") {
                    try await stage.board.read()?.reasons.map(\.code) == ["no-jobs"]
                }
            }
        }
    }

    @Test func busyPodsAreNotToBeMoved() async throws {
        try await Stage.with { stage in
            try await stage.running(stage.controller()) {
                stage.workers.hold()
                let ids = try await stage.enqueue(4)
                try await eventually("the busy are guarded") {
                    let guarded = stage.cluster.pods.filter(\.isGuarded).map(\.name)
                    return guarded.count == 2 && guarded == stage.workers.busy
                }
                #expect(stage.cluster.pods[0].metadata.annotations?["karpenter.sh/do-not-disrupt"] == "true")
                try await stage.board.setControl(.override(2))
                stage.workers.letGo()
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                try await eventually("nobody is guarded") {
                    stage.cluster.pods.count == 2 && !stage.cluster.pods.contains(where: \.isGuarded)
                }
            }
        }
    }
}
