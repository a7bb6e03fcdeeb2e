import Dashboard
import Foundation
import Jobs
import Testing

@Suite struct TrafficTests {
    private func backlog(_ traffic: Traffic, _ count: Int, _ now: Date = Scene.now) -> [Int?] {
        traffic.latest(count, until: now).map { $0?.backlog }
    }

    @Test func thePastIsThePresentWithItsEventsUndone() {
        var traffic = Traffic()
        let events = [
            Scene.event(35, .enqueued, 1), Scene.event(34, .enqueued, 2), Scene.event(25, .started, 1),
            Scene.event(15, .done, 1), Scene.event(14, .progress, 2),
        ]
        traffic.record(backlog: 1, at: Scene.now, events: events)
        #expect(backlog(traffic, 6) == [nil, 2, 2, 2, 1, 1])
        #expect(traffic.latest(6, until: Scene.now).map { $0?.done } == [nil, 0, 0, 1, 0, 0])
        #expect(traffic.donePerMinute(until: Scene.now) == 0.2)
    }

    @Test func aBurstWithinABinIsSeen() {
        var traffic = Traffic()
        let events = (0..<5).map { Scene.event(9, .enqueued, $0) } + (0..<5).map { Scene.event(8, .done, $0) }
        traffic.record(backlog: 0, at: Scene.now.addingTimeInterval(-5), events: events)
        #expect(backlog(traffic, 2) == [5, nil])
    }

    @Test func gapsAreFilledFromTheLog() {
        var traffic = Traffic()
        traffic.record(backlog: 3, at: Scene.now.addingTimeInterval(-60), events: [])
        traffic.record(backlog: 1, at: Scene.now, events: [Scene.event(45, .done, 1), Scene.event(25, .dead, 2)])
        #expect(backlog(traffic, 7) == [3, 3, 2, 2, 1, 1, 1])
    }

    @Test func neverNegativeAndForgetful() {
        var traffic = Traffic()
        traffic.record(
            backlog: 0, at: Scene.now, events: [Scene.event(4000, .enqueued, 1), Scene.event(5, .enqueued, 1)])
        #expect(backlog(traffic, 1000).allSatisfy { $0 == nil || $0 == 0 })
        #expect(backlog(traffic, 1000).compactMap(\.self).count <= 361)
        let later = Scene.now.addingTimeInterval(7200)
        traffic.record(backlog: 2, at: later, events: [])
        #expect(backlog(traffic, 3, later) == [2, 2, 2])
    }
}
