import Dashboard
import Foundation
import Jobs
import ServiceContract
import Testing

/// The pages beside the overview: what they show, and what their keys ask for.
@Suite struct PageTests {
    private static let jobs: [Job] = (0..<60).map { number in
        var job = Job(
            id: Scene.job(number), bucket: "queue", key: "\(number)/song", filename: "song \(number).mp3",
            owner: number.isMultiple(of: 2) ? "studio" : "choir")
        job.state = [.queued, .running, .failed, .done][number % 4]
        job.createdAt = Scene.now.addingTimeInterval(-Double(number) * 60)
        if job.state != .queued { job.startedAt = job.createdAt.addingTimeInterval(5) }
        if job.state == .failed { job.error = "The file is damaged." }
        return job
    }

    private func model(_ change: (inout ServiceSnapshot) -> Void = { _ in }) -> DashboardModel {
        Scene.busy {
            $0.jobs = Self.jobs
            change(&$0)
        }
    }

    private func text(_ model: DashboardModel, width: Int = 140, height: Int = 30) -> [String] {
        DashboardView(model).picture(Size(width: width, height: height)).rows
    }

    private func press(_ keys: String, _ model: inout DashboardModel) -> [Effect] {
        keys.flatMap { model.update(.key(.character($0))) }
    }

    @Test func keysTurnThePages() {
        var model = model()
        #expect(press("3", &model) == [.look(.jobs)])
        #expect(press("3", &model) == [])
        #expect(model.update(.key(.control("i"))) == [.look(.decisions)])
        #expect(press("51", &model) == [.look(.functions), .look(.overview)])
        #expect(press("q", &model) == [.quit])
    }

    @Test func jobsAreListedFilteredAndOpened() {
        var model = model()
        _ = press("3", &model)
        #expect(text(model).contains { $0.hasPrefix("▸song 0.mp3") && $0.contains("queued") && $0.contains("studio") })
        #expect(!text(model).contains { $0.contains("song 59.mp3") })
        _ = press("G", &model)
        #expect(text(model).contains { $0.hasPrefix("▸song 59.mp3") }, "the list scrolls with the selection")
        #expect(press("/FAILq", &model) == [], "keys go into the filter")
        _ = model.update(.key(.control("h")))
        _ = model.update(.key(.enter))
        #expect(model.listedJobs.count == 15 && model.listedJobs.allSatisfy { $0.state == .failed })
        #expect(text(model)[2].contains("Filter: FAIL   15 of 60"))
        _ = press("j", &model)
        _ = model.update(.key(.enter))
        let details = text(model)
        for part in ["song 6.mp3", "The file is damaged.", "queue/6/song", "studio", "WHAT HAPPENED"] {
            #expect(details.contains { $0.contains(part) }, "\(part)")
        }
        _ = model.update(.key(.escape))
        _ = model.update(.key(.escape))
        #expect(model.listedJobs.count == 60, "first the details are closed, then the filter goes")
    }

    /// Nobody cancels a song by one wrong key.
    @Test func cancelAndRetryOfOneJob() {
        var model = model()
        _ = press("3", &model)
        #expect(press("x", &model) == [])
        #expect(model.notice?.text == "x again cancels song 0.mp3.")
        #expect(press("jx", &model) == [], "another row, another question")
        #expect(press("x", &model) == [.request(.cancel(Scene.job(1)))])
        #expect(press("r", &model) == [] && model.notice?.text.contains("nothing to retry") == true)
        #expect(press("jr", &model) == [.request(.retry(Scene.job(2)))])
        #expect(press("jx", &model) == [] && model.notice?.text.contains("is done: there is nothing to cancel") == true)
    }

    @Test func workersWithWhatTheyTakeAndDid() {
        var model = model()
        _ = press("2j", &model)
        let worker = Scene.workers[0].id
        #expect(text(model).contains { $0.contains(worker) && $0.contains("390 MiB") && $0.contains("512 MiB") })
        _ = model.update(.key(.enter))
        #expect(text(model).contains { $0.contains("WHAT \(worker) DID") })
        #expect(press("d", &model) == [.request(.drain(worker))])
    }

    @Test func aRowAFunction() {
        let record = FunctionRecord(
            name: "upload", replicas: .init(now: 2, wanted: 5, ready: 2, pending: 0),
            bounds: .init(minimum: 2, maximum: 20),
            inFlight: 151.25, perPod: 32, reasons: [.init(code: "burst", sentence: "burst: 151.3 in flight over 1 s")],
            lastChange: .init(from: 2, to: 5, at: Scene.now, why: "burst"), leader: "a", decidedAt: Scene.now)
        var model = model { $0.status.functions = [record] }
        _ = press("5", &model)
        #expect(
            text(model).contains {
                $0.hasPrefix("▸upload") && $0.contains("2–20") && $0.contains("151.3") && $0.contains("burst: ")
            })
        _ = press("4", &model)
        let rows = text(model)
        #expect(rows.contains { $0.contains("upload") && $0.contains("burst  ") })
        #expect(rows.contains { $0.contains("workers") && $0.contains("growing to 5 of 8") })
        var later = Scene.snapshot()
        later.status.functions = [record]
        later.status.record?.lastChange = .init(from: 5, to: 7, at: Scene.now.addingTimeInterval(5), why: "more")
        _ = model.update(.observed(later))
        _ = model.update(.observed(later))
        #expect(model.changes.map(\.change.to) == [7, 5, 5], "each change once, newest first")
    }

    @Test func pagesFitAnyScreen() {
        var model = model()
        for page in "12345" {
            _ = press(String(page), &model)
            for opened in [false, true] {
                if opened { _ = model.update(.key(.enter)) }
                for width in stride(from: 0, to: 200, by: 7) {
                    for height in [0, 1, 9, 10, 11, 24, 50] {
                        #expect(text(model, width: width, height: height).count == height)
                    }
                }
            }
        }
    }
}
