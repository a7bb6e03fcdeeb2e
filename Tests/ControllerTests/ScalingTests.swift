import Controller
import Foundation
import Jobs
import Kubernetes
import KubernetesDouble
import Policy
import ServiceContract
import Synchronization
import TestSupport
import Testing

/// The controller against the double of the API server, a real Redis, and workers that claim.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ScalingTests {
    @Test func aBurstOfJobs() async throws {
        try await Stage.with { stage in
            // Rounds a second apart, as by default: what is quick is being woken.
            let controller = try stage.controller(options: ControllerOptions(eventWindow: .seconds(2)))
            try await stage.running(controller) {
                try await eventually("it leads and has looked") { try await stage.board.read() != nil }
                #expect(stage.cluster.scalings().isEmpty)
                let begin = ContinuousClock.now
                async let enqueueing = stage.enqueue(200)
                try await stage.cluster.until { !$0.scalings().isEmpty }
                let first = ContinuousClock.now - begin
                try await stage.cluster.until { $0.scalings().contains(8) }
                let took = ContinuousClock.now - begin
                let ids = try await enqueueing
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                try await eventually("the fleet is gone") { stage.replicas == 0 && stage.cluster.pods.isEmpty }
                print("burst of 200 jobs: /scale first patched after \(first), to the maximum after \(took)")

                let scalings = stage.cluster.scalings()
                let peak = scalings.firstIndex(of: 8) ?? 0
                #expect(Array(scalings[...peak]) == scalings[...peak].sorted(), "up at once, and only up")
                #expect(Array(scalings[peak...]) == scalings[peak...].sorted(by: >), "down in steps, and only down")
                #expect(scalings.last == 0)
                #expect(stage.workers.killed.isEmpty)
                #expect(stage.workers.commits.values.allSatisfy { $0 == 1 })
                let record = try #require(try await stage.board.read())
                #expect(record.leader == "a" && record.bounds == .init(minimum: 0, maximum: 8))
                #expect(record.lastChange?.to == 0)
                #expect(stage.cluster.notes("ScaledUp").contains { $0.hasPrefix("Scaled from 0 to ") })
            }
            // What was not told yet is told at the end, and a shrinking fleet makes few Events.
            let events = stage.cluster.notes("ScaledDown")
            #expect(events.contains { $0.contains(" to 0") })
            #expect(events.count <= 3)
        }
    }

    @Test func manyJobsThroughUpsAndDowns() async throws {
        try await Stage.with { stage in
            let settings = quickSettings { $0.targetJobsPerWorker = 3 }
            try await stage.running(stage.controller(settings: settings)) {
                var ids: [JobID] = []
                for wave in 0..<5 {
                    ids += try await stage.enqueue(80)
                    // A trickle keeps some workers busy while others go.
                    for _ in 0..<20 {
                        ids += try await stage.enqueue(1)
                        try await Task.sleep(for: .milliseconds(Int.random(in: 20..<80)))
                    }
                    if wave.isMultiple(of: 2) {
                        try await eventually("the fleet is gone") { stage.replicas == 0 && stage.cluster.pods.isEmpty }
                    } else {
                        try await eventually("the fleet shrinks") { stage.replicas < 4 }
                    }
                }
                let all = ids
                try await eventually("all jobs are done") { try await stage.allDone(all) }
                try await eventually("the fleet is gone") { stage.replicas == 0 && stage.cluster.pods.isEmpty }
                let scalings = stage.cluster.scalings()
                let ups = zip([0] + scalings, scalings).count { $0 < $1 }
                print(
                    "\(all.count) jobs, \(scalings.count) scalings, \(ups) of them up, \(stage.workers.most) workers at most"
                )
                #expect(all.count == 500 && ups >= 5 && scalings.count - ups >= 5)
                #expect(stage.workers.killed == [])
                #expect(stage.workers.commits.count == 500 && stage.workers.commits.values.allSatisfy { $0 == 1 })
                #expect(try await stage.queue.depth() == QueueDepth(waiting: 0, inFlight: 0, dead: 0))
                for id in all { #expect(try await stage.queue.job(id)?.attempts == 1) }
                try await eventually("no mark is left") { try await stage.board.status().drains.isEmpty }
            }
        }
    }

    @Test func busyWorkersAreNeverAmongThoseThatGo() async throws {
        try await Stage.with { stage in
            let settings = quickSettings { $0.targetJobsPerWorker = 1 }
            try await stage.running(stage.controller(settings: settings)) {
                stage.workers.hold()
                let ids = try await stage.enqueue(2)
                try await stage.board.setControl(.override(6))
                try await eventually("six run, two of them busy") {
                    stage.workers.alive.count == 6 && stage.workers.busy.count == 2
                }
                let busy = stage.workers.busy
                try await stage.board.setControl(.override(1))
                try await eventually("only the busy are left") { stage.cluster.pods.map(\.name) == busy }
                #expect(stage.replicas == 2)
                #expect(try await stage.board.read()?.reasons.map(\.code).contains("busy") == true)
                try await eventually("one of them drains") { try await stage.board.status().drains.count == 1 }
                stage.workers.letGo()
                try await eventually("one is left") { stage.replicas == 1 && stage.cluster.pods.count == 1 }
                try await eventually("the jobs are done") { try await stage.allDone(ids) }
                #expect(stage.workers.killed == [])
            }
        }
    }

    @Test func theOperatorsWord() async throws {
        try await Stage.with { stage in
            try await stage.board.setControl(.pause)
            let controller = try stage.controller()
            try await stage.running(controller) {
                let ids = try await stage.enqueue(20)
                try await eventually("it says that it is paused") {
                    try await stage.board.read()?.reasons.last?.code == "paused"
                }
                try await eventually("it has had its chances") {
                    controller.status.text.contains("_decisions_total 1")
                }
                #expect(stage.cluster.scalings().isEmpty)
                #expect(controller.status.text.contains("msaas_autoscaler_paused 1\n"))
                try await stage.board.setControl(.resume)
                try await eventually("the jobs are done") { try await stage.allDone(ids) }
                try await stage.board.setControl(.override(20))
                try await eventually("the number is the operator's, within the bounds") { stage.replicas == 8 }
                try await eventually("it says so") {
                    try await stage.board.read()?.reasons.map(\.code) == ["override", "maximum"]
                }
                try await stage.board.setControl(.clear)
                try await eventually("the policy decides again") { stage.replicas == 0 }
                #expect(stage.workers.killed == [])
            }
        }
    }

    @Test func memoryCapsTheFleet() async throws {
        try await Stage.with { stage in
            try stage.cluster.putQuota(memory: "1900Mi")
            try await stage.running(stage.controller()) {
                let ids = try await stage.enqueue(60)
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                #expect(stage.cluster.scalings().max() == 3)
                #expect(stage.cluster.notes("QuotaCapped").first?.hasPrefix("capped: requests.memory 3 of ") == true)
            }
        }
    }
}
