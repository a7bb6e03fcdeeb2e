import Controller
import Foundation
import HTTPTransport
import Jobs
import Kubernetes
import KubernetesDouble
import Pacing
import Policy
import TestSupport
import Testing

/// What is away holds everything, and what comes back is scaled on, by itself.
@Suite(.serialized, .timeLimit(.minutes(5))) struct OutageTests {
    @Test func redisStoppedAndStarted() async throws {
        try await Stage.with { stage in
            let controller = try stage.controller()
            try await stage.running(controller) {
                stage.workers.hold()
                let ids = try await stage.enqueue(6)
                try await eventually("three work") { stage.workers.busy.count == 3 }
                stage.redis.kill()
                let before = stage.cluster.scalings()
                try await eventually("rounds have failed") { try failures("redis", controller) >= 10 }
                #expect(stage.cluster.scalings() == before && stage.replicas == 3)
                #expect(controller.status.text.contains("msaas_autoscaler_trouble{reason=\"backlog-unknown\"} 1"))
                let notes = stage.cluster.notes("BacklogUnknown")
                #expect(notes.count == 1 && notes[0].hasPrefix("holding: the jobs cannot be read (Redis at 127.0.0.1:"))
                try stage.redis.start()
                let more = try await stage.enqueue(30)
                try await eventually("as many as may be") { stage.replicas == 8 }
                stage.workers.letGo()
                try await eventually("all jobs are done") { try await stage.allDone(ids + more) }
                try await eventually("the fleet is gone") { stage.replicas == 0 }
                #expect(stage.cluster.scalings().max() == 8)
                #expect(stage.workers.killed == [])
                #expect(!controller.status.text.contains("trouble{"))
            }
        }
    }

    @Test func theAPIRefuses() async throws {
        try await Stage.with { stage in
            let controller = try stage.controller()
            try await stage.running(controller) {
                try await eventually("it leads and has looked") { try await stage.board.read() != nil }
                stage.cluster.refuseEverything()
                let ids = try await stage.enqueue(40)
                try await eventually("rounds have failed") { try failures("target", controller) >= 3 }
                #expect(stage.cluster.scalings().isEmpty)
                let reasons = try #require(try await stage.board.read()).reasons
                #expect(reasons.map(\.code) == ["fleet-unknown"])
                #expect(
                    reasons.first?.sentence.contains("The Kubernetes API server cannot answer now (HTTP 503).") == true)
                stage.cluster.recover()
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                try await eventually("the fleet is gone") { stage.replicas == 0 }
                #expect(stage.workers.killed == [])
            }
        }
    }

    @Test func watchesBreakAndVersionsExpire() async throws {
        try await Stage.with { stage in
            try await stage.running(stage.controller()) {
                let vandal = Task {
                    repeat {
                        stage.cluster.breakWatches()
                        guard await pause(for: .milliseconds(120)) else { return }
                        stage.cluster.compact()
                        stage.cluster.refuse(next: 2, status: 429, retryAfter: 0)
                        stage.cluster.hangUp(next: 1)
                    } while await pause(for: .milliseconds(120))
                }
                defer { vandal.cancel() }
                let ids = try await stage.enqueue(120)
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                try await eventually("the fleet is gone") { stage.replicas == 0 }
                #expect(stage.workers.killed == [])
                #expect(stage.workers.commits.values.allSatisfy { $0 == 1 })
            }
        }
    }

    @Test func tokensAreRenewed() async throws {
        try await Stage.with { stage in
            let folder = try TemporaryDirectory()
            let file = folder.path + "/token"
            @Sendable func rotate(_ old: String?, _ new: String) throws {
                try new.write(toFile: file, atomically: true, encoding: .utf8)
                stage.cluster.accept(token: new, user: new)
                if let old { stage.cluster.revoke(token: old) }
            }
            try rotate(nil, "first")
            let controller = try stage.controller(token: .file(file))
            try await stage.running(controller) {
                let ids = try await stage.enqueue(4)
                try await eventually("it has scaled") { !stage.cluster.scalings(by: "first").isEmpty }
                try rotate("first", "second")
                try await eventually("the jobs are done") { try await stage.allDone(ids) }
                let more = try await stage.enqueue(40)
                try await eventually("it has scaled on") { stage.cluster.scalings(by: "second").contains(8) }
                try await eventually("the jobs are done") { try await stage.allDone(more) }
                #expect(stage.workers.killed == [])
            }
        }
    }

    @Test func othersChangeTheDeploymentToo() async throws {
        try await Stage.with { stage in
            try await stage.running(stage.controller()) {
                let other = Task {
                    var count = 0
                    repeat {
                        count += 1
                        _ = try? stage.cluster.patch(
                            .deployments, "worker", ["metadata": ["annotations": ["touched": .string("\(count)")]]])
                    } while await pause(for: .milliseconds(3))
                }
                defer { other.cancel() }
                let ids = try await stage.enqueue(60)
                try await eventually("all jobs are done") { try await stage.allDone(ids) }
                try await eventually("the fleet is gone") { stage.replicas == 0 }
                #expect(stage.workers.killed == [])
            }
            #expect(stage.cluster.calls.contains { $0.status == 409 && $0.target.hasSuffix("/scale") })
        }
    }

    private func failures(_ system: String, _ controller: Controller) throws -> Int {
        let start = "msaas_autoscaler_read_failures_total{system=\"\(system)\"} "
        let line = controller.status.text.split(separator: "\n").first { $0.hasPrefix(start) }
        return try #require(line.flatMap { Int($0.dropFirst(start.count)) })
    }
}
