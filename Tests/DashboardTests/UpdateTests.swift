import Dashboard
import Foundation
import Jobs
import ServiceContract
import Testing

@Suite struct UpdateTests {
    @Test func pauseAndResume() {
        var model = Scene.busy()
        #expect(model.update(.key(.character("p"))) == [.request(.control(.pause))])
        #expect(model.control.isPaused)
        #expect(model.update(.key(.character("p"))) == [.request(.control(.resume))])
        #expect(!model.control.isPaused)
    }

    @Test func overrideStartsFromWhatIsWantedAndStaysWithinTheBounds() {
        var model = Scene.busy()
        #expect(model.update(.key(.character("+"))) == [.request(.control(.override(8)))])
        #expect(model.update(.key(.character("+"))) == [.request(.control(.override(8)))])
        for count in stride(from: 7, through: 0, by: -1) {
            #expect(model.update(.key(.character("-"))) == [.request(.control(.override(count)))])
        }
        #expect(model.update(.key(.character("-"))) == [.request(.control(.override(0)))])
        #expect(model.update(.key(.character("a"))) == [.request(.control(.clear))])
        #expect(model.control == .automatic)
    }

    @Test func overrideWithoutAnAutoscalerStartsFromTheWorkersThereAre() {
        var model = Scene.busy { $0.status.record = nil }
        #expect(model.update(.key(.character("-"))) == [.request(.control(.override(4)))])
    }

    @Test func whatWasReadBeforeTheRequestWasCarriedOutDoesNotUndoIt() {
        var model = Scene.busy()
        _ = model.update(.key(.character("p")))
        _ = model.update(.observed(Scene.snapshot()))
        #expect(model.control.isPaused)
        var later = Scene.snapshot()
        later.requests = 1
        _ = model.update(.observed(later))
        #expect(!model.control.isPaused)
    }

    @Test func drainNeedsASelectionAndCanBeTakenBack() {
        var model = Scene.busy()
        #expect(model.update(.key(.character("d"))) == [])
        #expect(model.notice?.text == "Select a worker with j and k first.")
        _ = model.update(.key(.down))
        _ = model.update(.key(.character("j")))
        let worker = "worker-7d9f8b6c5d-x1k9q"
        #expect(model.selection == worker)
        #expect(model.update(.key(.character("d"))) == [.request(.drain(worker))])
        #expect(model.update(.key(.character("d"))) == [.request(.withdrawDrain(worker))])
    }

    @Test func theAutoscalersDrainBecomesTheOperators() {
        var model = Scene.busy()
        for _ in 0..<3 { _ = model.update(.key(.down)) }
        let worker = "worker-7d9f8b6c5d-x2k9q"
        #expect(model.update(.key(.character("d"))) == [.request(.drain(worker))])
    }

    @Test func selectionStaysWithinTheWorkersAndGoesWithItsWorker() {
        var model = Scene.busy()
        _ = model.update(.key(.up))
        #expect(model.selection == Scene.workers.last?.id)
        _ = model.update(.key(.pageDown))
        #expect(model.selection == Scene.workers.last?.id)
        _ = model.update(.key(.character("g")))
        #expect(model.selection == Scene.workers.first?.id)
        var without = Scene.snapshot()
        without.workers.removeFirst()
        _ = model.update(.observed(without))
        #expect(model.selection == nil)
    }

    @Test func retryOnlyWhenSomethingIsDead() {
        var model = Scene.busy()
        #expect(model.update(.key(.character("r"))) == [.request(.retryDead)])
        var none = Scene.busy { $0.depth.dead = 0 }
        #expect(none.update(.key(.character("r"))) == [])
        #expect(none.notice?.text == "There are no dead jobs.")
    }

    @Test func waysOut() {
        var model = Scene.busy()
        #expect(model.update(.key(.character("q"))) == [.quit])
        #expect(model.update(.key(.control("c"))) == [.quit])
        #expect(model.update(.end) == [.quit])
        #expect(model.update(.key(.control("z"))) == [.suspend])
        #expect(model.update(.key(.control("l"))) == [.redraw])
        #expect(model.update(.redraw) == [.redraw])
    }

    @Test func troubleComesAndGoes() {
        var model = Scene.busy()
        _ = model.update(.away("Redis away, retrying: refused."))
        #expect(model.trouble == "Redis away, retrying: refused.")
        #expect(model.snapshot != nil)
        _ = model.update(.observed(Scene.snapshot()))
        #expect(model.trouble == nil)
    }

    @Test func noticesFade() {
        var model = Scene.busy()
        _ = model.update(.refused("Redis away."))
        #expect(model.notice?.isBad == true)
        var quiet = Scene.snapshot()
        quiet.events = []
        for _ in 0..<6 { _ = model.update(.observed(quiet)) }
        #expect(model.notice == nil)
    }

    @Test func eventsAreNewestFirstWithoutProgress() {
        var model = Scene.busy()
        #expect(model.events.first?.kind == .dead)
        var next = Scene.snapshot()
        next.events = [
            JobEvent(id: EventID(milliseconds: 1_767_355_201_000, sequence: 0), kind: .progress, job: Scene.job(1)),
            JobEvent(id: EventID(milliseconds: 1_767_355_202_000, sequence: 0), kind: .done, job: Scene.job(1)),
        ]
        _ = model.update(.observed(next))
        #expect(model.events.prefix(2).map(\.kind) == [.done, .dead])
        #expect(model.events.count <= 200)
    }
}
