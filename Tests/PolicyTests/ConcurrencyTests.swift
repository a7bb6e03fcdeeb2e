import Policy
import Testing

/// A function's pods follow its requests in flight: at once when there are many, after a window when there are few.
@Suite struct ConcurrencyTests {
    /// A made-up function, there for 16 requests a pod, whose decisions take effect at once.
    private struct Timeline {
        var policy: ConcurrencyPolicy
        var history = History()
        var fleet: Fleet
        var inFlight = 0.0
        var silent = 0
        var loadFailure: String?
        var apiFailure: String?
        var headroom: Reading<Headroom> = .known(.unlimited)
        var control: Control = .automatic
        var arrival: Replica.Phase = .ready
        var last: Decision?
        var scalings: [Int] = []
        private var made = 0

        init(pods: Int = 1, _ change: (inout ConcurrencySettings) -> Void = { _ in }) throws {
            var settings = ConcurrencySettings()
            settings.maxReplicas = 50
            change(&settings)
            policy = try ConcurrencyPolicy(settings)
            fleet = Fleet(replicas: pods, workers: [])
            add()
        }

        var codes: [String] { last?.reasons.map(\.code) ?? [] }
        var explanation: String { last?.explanation ?? "" }

        private mutating func add() {
            while fleet.workers.count < fleet.replicas {
                fleet.workers.append(Replica(id: "pod-\(made)", phase: arrival))
                made += 1
            }
        }

        @discardableResult
        mutating func at(_ second: Double, _ change: (inout Timeline) -> Void = { _ in }) -> Decision {
            change(&self)
            let ready = fleet.ready
            let answering = max(0, ready - silent)
            let byPod = Dictionary(
                uniqueKeysWithValues: fleet.workers.map { ($0.id, inFlight / Double(max(1, ready))) })
            let load = Load(
                inFlight: inFlight, pods: inFlight / 16, answering: answering, silent: silent, byPod: byPod)
            let decision = policy.decide(
                LoadObservation(
                    load: loadFailure.map { .unknown($0) } ?? .known(load),
                    fleet: apiFailure.map { .unknown($0) } ?? .known(fleet), headroom: headroom, control: control),
                history: history, now: Moment(.seconds(second)))
            history = decision.history
            last = decision
            if let replicas = decision.replicas, replicas != fleet.replicas {
                scalings.append(replicas)
                fleet.workers.removeAll { decision.leaving.contains($0.id) }
                fleet.replicas = replicas
                add()
            }
            return decision
        }

        mutating func every(_ seconds: ClosedRange<Int>) { for second in seconds { at(Double(second)) } }
    }

    @Test func aBurstIsMetAtOnceAndKeptForAWindow() throws {
        var timeline = try Timeline()
        timeline.inFlight = 12
        timeline.every(0...90)
        #expect(timeline.fleet.replicas == 1)
        #expect(timeline.explanation == "12 in flight over 1 min, 16 a pod: 1 pod")
        timeline.at(91) { $0.inFlight = 100 }
        #expect(timeline.fleet.replicas == 7, "the first second of a burst is enough")
        #expect(timeline.explanation.hasSuffix("burst: 100 in flight over 1 s, 16 a pod: 7 pods"))
        timeline.inFlight = 12
        timeline.every(92...150)
        #expect(timeline.fleet.replicas == 7)
        #expect(timeline.codes.contains("after-burst"))
        timeline.every(151...220)
        #expect(timeline.fleet.replicas == 1)
        #expect(timeline.scalings.first == 7)
    }

    @Test func whatGrowsSlowlyIsFollowedWithoutABurst() throws {
        var timeline = try Timeline(pods: 10)
        for second in 0...600 {
            timeline.at(Double(second)) { $0.inFlight = 150 + Double(second) / 10 }
            #expect(!timeline.codes.contains("burst"))
        }
        // The mean of the last minute is 207.
        #expect(timeline.fleet.replicas == 13)
        #expect(timeline.scalings == timeline.scalings.sorted())
    }

    @Test func aLoadAtTheBorderDoesNotSwing() throws {
        var timeline = try Timeline()
        for second in 0...1200 { timeline.at(Double(second)) { $0.inFlight = second / 90 % 2 == 0 ? 31.5 : 32.5 } }
        #expect(timeline.scalings.count <= 2, "\(timeline.scalings)")
    }

    @Test func withinTheBounds() throws {
        var timeline = try Timeline(pods: 0) { ($0.minReplicas, $0.maxReplicas) = (2, 5) }
        timeline.at(0)
        #expect(timeline.fleet.replicas == 2, "at once, though nobody can say what is in flight")
        timeline.at(1) { $0.inFlight = 10_000 }
        #expect(timeline.fleet.replicas == 5)
        #expect(timeline.codes.contains("maximum"))
        timeline.inFlight = 0
        timeline.every(2...200)
        #expect(timeline.fleet.replicas == 2)
    }

    @Test func whatCannotBeReadHoldsEverything() throws {
        var timeline = try Timeline(pods: 6)
        timeline.inFlight = 90
        timeline.every(0...100)
        timeline.loadFailure = "nobody answers"
        timeline.every(101...400)
        #expect(timeline.fleet.replicas == 6 && timeline.codes == ["load-unknown"])
        timeline.apiFailure = "503"
        #expect(timeline.at(401).replicas == nil)
        (timeline.apiFailure, timeline.loadFailure, timeline.inFlight) = (nil, nil, 0)
        timeline.at(402)
        #expect(timeline.codes.contains("watching"), "after a gap the windows are watched anew")
        timeline.silent = 1
        timeline.every(403...600)
        #expect(timeline.fleet.replicas == 6 && timeline.codes.contains("silent"))
        timeline.silent = 0
        timeline.every(601...700)
        #expect(timeline.fleet.replicas == 1)
    }

    @Test func aRolloutAndTroublesHold() throws {
        var timeline = try Timeline(pods: 6)
        timeline.every(0...59)
        for index in timeline.fleet.workers.indices { timeline.fleet.workers[index].revision = index == 0 ? "b" : "a" }
        timeline.every(60...120)
        #expect(timeline.fleet.replicas == 6 && timeline.codes.contains("rolling-out"))
        for index in timeline.fleet.workers.indices { timeline.fleet.workers[index].revision = "b" }
        timeline.fleet.refusal = "exceeded quota"
        timeline.at(121) { $0.inFlight = 500 }
        #expect(timeline.fleet.replicas == 6 && timeline.codes.contains("growth-held"))
        timeline.fleet.refusal = nil
        timeline.headroom = .known(Headroom(request: 1, quotas: [.init(resource: "limits.cpu", workers: 2)]))
        timeline.at(122)
        #expect(timeline.fleet.replicas == 8 && timeline.codes.contains("quota-capped"))
        timeline.control = .paused
        timeline.headroom = .known(.unlimited)
        timeline.at(123)
        #expect(timeline.fleet.replicas == 8 && timeline.codes.last == "paused")
    }

    /// Whoever has the fewest requests goes, and pods that do not serve yet before them.
    @Test func whoGoes() throws {
        var settings = ConcurrencySettings()
        settings.stableWindow = .seconds(2)
        let policy = try ConcurrencyPolicy(settings)
        let fleet = Fleet(
            replicas: 4,
            workers: [
                Replica(id: "busy"), Replica(id: "quiet"), Replica(id: "coming", phase: .starting(.seconds(1))),
                Replica(id: "going", phase: .terminating), Replica(id: "mute"),
            ])
        var history = History()
        var decision: Decision?
        for second in 0...4 {
            decision = policy.decide(
                LoadObservation(
                    load: .known(
                        Load(inFlight: 9, pods: 1.4, answering: 2, byPod: ["busy": 8, "quiet": 1])),
                    fleet: .known(fleet), headroom: .known(.unlimited)), history: history,
                now: Moment(.seconds(second)))
            history = decision?.history ?? history
        }
        #expect(decision?.replicas == 2)
        #expect(decision?.leaving == ["coming", "quiet"])
        #expect(decision?.draining == nil, "functions have no marks")
    }

    private static func with(_ change: (inout ConcurrencySettings) -> Void) -> ConcurrencySettings {
        var settings = ConcurrencySettings()
        change(&settings)
        return settings
    }

    @Test(arguments: [
        ("min-replicas", with { $0.minReplicas = 0 }), ("max-replicas", with { $0.maxReplicas = 0 }),
        ("target-concurrency", with { $0.targetConcurrency = -1 }), ("panic-percent", with { $0.panicPercent = 100 }),
        ("panic-window", with { $0.panicWindow = .zero }),
        ("stable-window", with { $0.stableWindow = .milliseconds(10) }),
        ("pending-grace", with { $0.pendingGrace = .seconds(-1) }),
    ])
    func whatCannotBeIsNamed(name: String, settings: ConcurrencySettings) {
        let error = #expect(throws: SettingsError.self) { try ConcurrencyPolicy(settings) }
        #expect(error?.name == name)
    }

    /// Whatever happens: within the bounds, never more than what any second asked for, and never a pod less while a window is
    /// not over.
    @Test(arguments: 0..<40) func anyLoad(seed: UInt64) throws {
        var numbers = RandomLoads(seed: seed)
        var timeline = try Timeline(pods: 1 + Int(seed % 7)) { ($0.minReplicas, $0.maxReplicas) = (1, 30) }
        var (highest, lastAsked) = (Double(timeline.fleet.replicas) * 16, 0)
        for second in 0...900 {
            timeline.inFlight = numbers.next()
            highest = max(highest, timeline.inFlight)
            let before = timeline.fleet.replicas
            timeline.at(Double(second))
            let now = timeline.fleet.replicas
            #expect((1...30).contains(now))
            #expect(Double(now) <= max(Double(before), (highest / 16).rounded(.up)))
            if now < before { #expect(second - lastAsked >= 60 || second >= 60) }
            if now > before { lastAsked = second }
        }
    }
}

/// Loads that stand still, climb and burst.
private struct RandomLoads {
    private var state: UInt64
    private var level = 10.0

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        switch state >> 56 {
        case 0..<4: level = Double(state >> 33 & 1023)
        case 4..<8: level = 0
        default: level = max(0, level + Double(Int(state >> 40 & 7)) - 3.5)
        }
        return level
    }
}
