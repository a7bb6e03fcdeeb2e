import Foundation
import HTTPTransport
import Kubernetes
import KubernetesDouble
import Testing

@Suite(.timeLimit(.minutes(2))) struct WatchTests {
    private let cluster = ClusterDouble()

    private func watches() -> [String] { cluster.calls.map(\.target).filter { $0.contains("watch=1") } }

    @Test func changesComeAfterTheList() async throws {
        try cluster.putPod("a")
        try await DoubleServer.with(cluster) { server async throws in
            let changes = Follower(server.client().podChanges(matching: "app.kubernetes.io/name=worker"))
            #expect(try await changes.next() == "all: a")
            try cluster.putPod("b")  // before the watch is open
            #expect(try await changes.next() == "+b")
            try cluster.put(.pods, ["metadata": ["name": "other"]])
            try cluster.patch(.pods, "a", ["metadata": ["annotations": ["x": "y"]]])
            #expect(try await changes.next() == "+a")
            try cluster.remove(.pods, "a")
            #expect(try await changes.next() == "-a")
        }
    }

    @Test func brokenWatchesGoOnWhereTheyWere() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            let changes = Follower(server.client().podChanges())
            #expect(try await changes.next() == "all: ")
            for round in 0..<5 {
                try cluster.putPod("a\(round)")
                #expect(try await changes.next() == "+a\(round)")
                if round.isMultiple(of: 2) { cluster.breakWatches() } else { cluster.endWatches() }
                try cluster.putPod("b\(round)")  // while nobody watches
                #expect(try await changes.next() == "+b\(round)")
            }
            #expect(cluster.calls.filter { !$0.target.contains("watch") }.count == 1)
            #expect(watches().count == 6)
        }
    }

    @Test func bookmarksMoveThePlaceToGoOnFrom() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            let changes = Follower(server.client().podChanges())
            #expect(try await changes.next() == "all: ")
            try cluster.putPod("a")
            #expect(try await changes.next() == "+a")
            try cluster.put(.leases, ["metadata": ["name": "elsewhere"]])
            let place = cluster.object(.leases, "elsewhere")?["metadata"]?["resourceVersion"]?.string ?? ""
            cluster.sendBookmarks()
            cluster.endWatches()
            // With the bookmark, the history before it may be forgotten.
            try cluster.putPod("b")
            #expect(try await changes.next() == "+b")
            #expect(watches().last?.contains("resourceVersion=\(place)&") == true)
        }
    }

    @Test func aForgottenPlaceMeansANewList() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            let changes = Follower(server.client().podChanges())
            #expect(try await changes.next() == "all: ")
            try cluster.putPod("a")
            #expect(try await changes.next() == "+a")
            cluster.endWatches()
            try cluster.remove(.pods, "a")
            try cluster.putPod("b")
            cluster.compact()
            cluster.breakWatches()
            #expect(try await changes.next() == "all: b")
            try cluster.putPod("c")
            #expect(try await changes.next() == "+c")
        }
    }

    @Test func anOutageIsToldOnceAndSurvived() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            let changes = Follower(server.client().podChanges())
            #expect(!changes.pods.isCurrent)
            #expect(try await changes.next() == "all: ")
            try cluster.putPod("a")
            #expect(try await changes.next() == "+a")
            cluster.refuseEverything()
            #expect(try await changes.next() == "stale")
            #expect(!changes.pods.isCurrent && changes.pods.pods.map(\.name) == ["a"])
            try cluster.putPod("b")
            async let later: Void = {
                let failures = cluster.calls.count
                try await cluster.until { $0.calls.count > failures + 5 }
                cluster.recover()
            }()
            #expect(try await changes.next() == "current")
            try await later
            #expect(try await changes.next() == "+b")
            #expect(changes.pods.isCurrent && changes.pods.pods.map(\.name) == ["a", "b"])
        }
    }

    @Test func anOutageBeforeTheFirstListIsSurvived() async throws {
        cluster.refuse(next: 5)
        try await DoubleServer.with(cluster) { server async throws in
            let changes = Follower(server.client().podChanges())
            #expect(try await changes.next() == "stale")
            #expect(try await changes.next() == "all: ")
        }
    }

    @Test func missingPermissionsEndIt() async throws {
        cluster.accept(token: "t", user: "x", permissions: [])
        try await DoubleServer.with(cluster) { server async throws in
            let client = KubernetesClient(
                ClusterConfiguration(
                    server: server.url, credentials: Credentials(token: .value("t")), namespace: "msaas"))
            let changes = Follower(client.podChanges())
            await #expect { _ = try await changes.next() } throws: { "\($0)".contains("grant it") }
            #expect(try await changes.next() == "end")
        }
    }

    @Test func silentConnectionsAreNotReplacedInAHurry() async throws {
        let pauses = Recorder<Duration>()
        let empty = #"{"metadata":{"resourceVersion":"7"}}"#
        let answers: [@Sendable () throws -> HTTPResponse] = [{ .json(empty) }]
        let replay = Replay(answers + (0..<6).map { _ in { .json("") } } + [{ .json(#"{"type":"NEW","object":{}}"#) }])
        var policy = RetryPolicy.recording(pauses)
        policy.backoff.longest = .seconds(2)
        let changes = Follower(KubernetesClient(replay, retry: policy).podChanges())
        #expect(try await changes.next() == "all: ")
        await #expect(throws: (any Error).self) { _ = try await changes.next() }  // no answer is left
        #expect(
            pauses.values.prefix(5) == [
                .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1600), .seconds(2),
            ])
        #expect(replay.requests.dropFirst().allSatisfy { $0.url.contains("resourceVersion=7&") })
    }

    @Test func cancellationEndsIt() async throws {
        try await DoubleServer.with(cluster) { server async throws in
            let client = server.client()
            let task = Task {
                for try await _ in client.podChanges() {}
            }
            try await cluster.until { $0.openWatches == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }
}

/// Reads a watch, each change in a word or two.
private final class Follower {
    private(set) var pods = PodSet()
    private var iterator: PodWatch.Iterator

    init(_ watch: PodWatch) { iterator = watch.makeAsyncIterator() }

    func next() async throws -> String {
        guard let change = try await iterator.next() else { return "end" }
        pods.apply(change)
        return switch change {
        case .snapshot(let pods): "all: " + pods.map(\.name).joined(separator: " ")
        case .updated(let pod): "+\(pod.name)"
        case .removed(let pod): "-\(pod.name)"
        case .stale: "stale"
        case .current: "current"
        }
    }
}
