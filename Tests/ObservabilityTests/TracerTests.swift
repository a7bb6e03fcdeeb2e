import Foundation
import Observability
import Testing

@Suite struct TracerTests {
    private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func partsBelongToWhatTheyAreAPartOf() async throws {
        let tracer = Tracer(TraceSampler())
        let place = tracer.place(continuing: parent)
        #expect(place.parentID == "00f067aa0ba902b7" && place.isSampled)
        struct Broken: Error {}
        await #expect(throws: Broken.self) {
            try await tracer.span("outer", of: place) { outer in
                await tracer.span("inner", of: outer) { _ in }
                throw Broken()
            }
        }
        let spans = tracer.take(10)
        #expect(spans.map(\.name) == ["inner", "outer"])
        #expect(spans[0].place.parentID == spans[1].place.spanID && spans[1].place.parentID == place.spanID)
        #expect(spans[0].error == nil && spans[1].error == "Broken()")
        #expect(Set(spans.map(\.place.traceID)) == ["4bf92f3577b34da6a3ce929d0e0e4736"])
        #expect(tracer.take(10).isEmpty)
    }

    /// What finds no room is dropped and counted; nobody waits for it.
    @Test func aFullTracerDropsAndCounts() {
        let tracer = Tracer(TraceSampler(), capacity: 3)
        let place = tracer.place(continuing: nil)
        for number in 0..<10 { tracer.record(Span("\(number)", at: place, from: Date()), at: place) }
        #expect(tracer.take(2).map(\.name) == ["0", "1"])
        #expect(tracer.dropped == 7)
        tracer.record(Span("again", at: place, from: Date()), at: place)
        #expect(tracer.take(9).map(\.name) == ["2", "again"])
    }

    @Test func samplersChoose() {
        func part(_ sampler: TraceSampler?, _ traceparent: String?) -> Double {
            let tracer = Tracer(sampler)
            return Double((0..<400).count { _ in tracer.place(continuing: traceparent).isSampled }) / 400
        }
        let unwanted = parent.dropLast(2) + "00"
        #expect(part(TraceSampler(), nil) == 1)
        #expect(part(TraceSampler(), String(unwanted)) == 0)
        #expect(part(TraceSampler(ratio: 0), parent) == 1)
        #expect(part(TraceSampler(ratio: 0, followsParent: false), parent) == 0)
        #expect(part(TraceSampler(followsParent: false), String(unwanted)) == 1)
        #expect((0.15...0.35).contains(part(TraceSampler(ratio: 0.25), nil)))
        // Without a sampler nothing is recorded here, and what others say goes on.
        #expect(part(nil, nil) == 0)
        #expect(part(nil, parent) == 1)
    }
}
