import Controller
import Foundation
import HTTPTransport
import Jobs
import Kubernetes
import KubernetesDouble
import Logging
import Policy
import Synchronization
import TestSupport
import Testing

/// Several controllers: one acts.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ElectionTests {
    private let timing = ElectionTiming(
        lease: .seconds(2), renewDeadline: .milliseconds(1500), retry: .milliseconds(150))

    @Test func onlyOneActsAndTheOtherTakesOver() async throws {
        try await Stage.with { stage in
            for name in ["a", "b"] { stage.cluster.accept(token: name, user: name) }
            let cut = CuttableTransport()
            let first = try stage.controller("a", token: .value("a"), transport: cut, timing: timing)
            let second = try stage.controller("b", token: .value("b"), timing: timing)
            try await stage.running(first) {
                try await eventually("a leads") { first.status.isLeading }
                try await stage.running(second) {
                    let ids = try await stage.enqueue(40)
                    try await eventually("the jobs are done") { try await stage.allDone(ids) }
                    #expect(!second.status.isLeading && stage.cluster.scalings(by: "b").isEmpty)
                    #expect(!stage.cluster.scalings(by: "a").isEmpty)

                    // The network between a and the API server goes away; a does not know what b does.
                    cut.isCut = true
                    let begin = ContinuousClock.now
                    try await eventually("b leads") {
                        let (a, b) = (first.status.isLeading, second.status.isLeading)
                        #expect(!(a && b))
                        return b
                    }
                    print("takeover after \(ContinuousClock.now - begin) with a lease of \(timing.lease)")
                    #expect(!first.status.isLeading)
                    let before = stage.cluster.scalings(by: "a").count
                    let more = try await stage.enqueue(40)
                    try await eventually("the jobs are done") { try await stage.allDone(more) }

                    cut.isCut = false
                    try await eventually("the fleet is gone") { stage.replicas == 0 }
                    #expect(!stage.cluster.scalings(by: "b").isEmpty)
                    #expect(stage.cluster.scalings(by: "a").count == before && second.status.isLeading)
                    #expect(stage.workers.killed == [])
                }
                // b has ended and given the lease back.
                try await eventually("a leads again") { first.status.isLeading }
            }
            let lease = try #require(stage.cluster.object(.leases, "msaas-autoscaler"))
            #expect(lease["spec"]?["leaseTransitions"]?.int == 2)
            #expect(lease["spec"]?["holderIdentity"]?.string == "")
        }
    }

    @Test func theClockOfTheOtherDoesNotMatter() async throws {
        let cluster = ClusterDouble()
        let skewed = Lease(
            name: "l",
            spec: .init(
                holderIdentity: "other", leaseDurationSeconds: 1, acquireTime: Date(timeIntervalSince1970: 0),
                renewTime: Date(timeIntervalSince1970: 0), leaseTransitions: 4))
        try await DoubleServer.with(cluster) { server async throws in
            let other = server.client()
            var lease = try await other.create(skewed)
            let election = LeaseElection(
                client: server.client(), name: "l", identity: "me", timing: timing,
                logger: Logger(label: "election") { _ in SwiftLogNoOpLogHandler() })
            let running = Task { await election.run {} }
            defer { running.cancel() }
            // As long as the other renews, its lease holds, however old its times look.
            for round in 1...8 {
                lease.spec.renewTime = Date(timeIntervalSince1970: Double(round))
                lease = try await other.update(lease)
                let seen = cluster.calls.count
                try await cluster.until { $0.calls.count > seen + 2 }
                #expect(await !election.isLeading())
            }
            try await eventually("it takes over") { await election.isLeading() }
            #expect(cluster.object(.leases, "l")?["spec"]?["leaseTransitions"]?.int == 5)
            // Somebody has taken it by hand: it steps back at once.
            var stolen = try #require(try await other.lease("l"))
            stolen.spec.holderIdentity = "other"
            _ = try? await other.update(stolen)
            try await eventually("it sees who leads") {
                let holder = cluster.object(.leases, "l")?["spec"]?["holderIdentity"]?.string
                if holder != "other" { return true }
                return await !election.isLeading()
            }
        }
    }

    @Test func aServerThatHangsCostsNoLeadership() async throws {
        let cluster = ClusterDouble()
        try await DoubleServer.with(cluster) { server async throws in
            let cut = CuttableTransport()
            let election = LeaseElection(
                client: server.client(transport: cut), name: "l", identity: "me", timing: timing,
                logger: Logger(label: "election") { _ in SwiftLogNoOpLogHandler() })
            let running = Task { await election.run {} }
            defer { running.cancel() }
            try await eventually("it leads") { await election.isLeading() }
            cut.isCut = true
            try await eventually("it leads no more") { await !election.isLeading() }
            cut.isCut = false
            try await eventually("it leads again") { await election.isLeading() }
            await election.release()
            #expect(await !election.isLeading())
        }
    }
}

/// A network that can go away: calls neither succeed nor fail until they are given up.
final class CuttableTransport: HTTPTransport {
    private let transport = CurlTransport()
    private let cut = Mutex(false)

    var isCut: Bool {
        get { cut.withLock { $0 } }
        set { cut.withLock { $0 = newValue } }
    }

    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        while isCut { try await Task.sleep(for: .milliseconds(20)) }
        return try await transport.send(request)
    }
}
