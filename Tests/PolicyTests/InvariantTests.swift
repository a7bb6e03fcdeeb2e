import Policy
import Testing

@Suite struct InvariantTests {
    @Test func promisesHoldInThousandsOfRandomLives() throws {
        for seed in 0..<3000 as Range<UInt64> {
            var world = try RandomWorld(seed: seed)
            world.run(seconds: 150)
            try #require(world.broken.isEmpty, "seed \(seed)")
        }
    }

    /// Jobs come evenly and take the same time; once the fleet has settled it must not change any more.
    @Test(arguments: [1, 2, 4, 7, 11], [20, 45, 80])
    func aSteadyLoadMakesASteadyFleet(gap: Int, length: Int) throws {
        var timeline = try Timeline { $0.maxReplicas = 100 }
        var ends: [String: Int] = [:]
        var sizes: [Int] = []
        for second in 0..<3600 {
            if second.isMultiple(of: gap) { timeline.waiting += 1 }
            for index in timeline.workers.indices {
                let id = timeline.workers[index].id
                if let end = ends[id], end <= second {
                    ends[id] = nil
                    timeline.inFlight -= 1
                    timeline.workers[index].activity = .idle
                }
                if ends[id] == nil, timeline.waiting > 0, !timeline.workers[index].draining {
                    ends[id] = second + length
                    timeline.waiting -= 1
                    timeline.inFlight += 1
                    timeline.workers[index].activity = .busy(progress: 0)
                }
            }
            timeline.waitingAudio = Double(timeline.waiting * length) / 0.3
            timeline.inFlightAudio = Double(timeline.inFlight * length) / 0.6
            timeline.realTimeFactor = 0.3
            timeline.at(Double(second))
            sizes.append(timeline.replicas)
        }
        let settled = sizes.suffix(1800)
        let turns = zip(settled, settled.dropFirst()).count { $0 != $1 }
        #expect(turns <= 1, "sizes \(Set(settled).sorted())")
        #expect(timeline.waiting <= timeline.replicas * 2)
    }
}
