import Dashboard
import Foundation
import Jobs
import ServiceContract
import Testing

@Suite struct ViewTests {
    static let standard = Size(width: 80, height: 24)

    @Test func busyFleet() throws {
        try expect(DashboardView(Scene.busy()).picture(Self.standard), matches: "busy-80x24")
    }

    @Test func busyFleetOnAWideScreen() throws {
        try expect(DashboardView(Scene.busy()).picture(Size(width: 150, height: 40)), matches: "busy-150x40")
    }

    @Test func asciiTerminal() throws {
        try expect(DashboardView(Scene.busy(), unicode: false).picture(Self.standard), matches: "ascii-80x24")
    }

    @Test func smallScreen() throws {
        try expect(DashboardView(Scene.busy()).picture(Size(width: 50, height: 14)), matches: "busy-50x14")
    }

    @Test func nothingReadYet() throws {
        try expect(
            DashboardView(DashboardModel(source: "redis:6379/0")).picture(Self.standard), matches: "connecting-80x24")
    }

    @Test func noAutoscalerAndNoWorkers() throws {
        try expect(DashboardView(Scene.empty()).picture(Self.standard), matches: "empty-80x24")
    }

    @Test func silentAutoscalerAndWorker() throws {
        let model = Scene.busy {
            $0.status.record?.decidedAt = Scene.now.addingTimeInterval(-200)
            $0.workers[1].heartbeat = Scene.now.addingTimeInterval(-40)
        }
        try expect(DashboardView(model).picture(Self.standard), matches: "silent-80x24")
    }

    @Test func redisAwayPausedAndSelected() throws {
        var model = Scene.busy { $0.status.control = AutoscalerControl(isPaused: true, override: 3) }
        _ = model.update(.key(.character("j")))
        _ = model.update(.away("Redis away, retrying: Redis at 127.0.0.1:6379/0 cannot be reached: refused."))
        try expect(DashboardView(model).picture(Self.standard), matches: "away-80x24")
    }

    /// A Redis that answers and yet loses jobs is no green dashboard; neither are objects that nobody could take in.
    @Test func whatNeedsTheOperatorIsSaid() {
        func banner(_ model: DashboardModel) -> String {
            DashboardView(model).picture(Size(width: 120, height: 24)).rows[1]
        }
        #expect(banner(Scene.busy()).trimmingCharacters(in: .whitespaces).isEmpty)
        #expect(banner(Scene.busy { $0.aside = 1 }).contains("1 object could not be taken in and is set aside."))
        #expect(banner(Scene.busy { $0.aside = 100 }).contains("100 objects or more"))
        var model = Scene.busy {
            $0.warnings = ["Redis is full."]
            $0.aside = 3
        }
        #expect(banner(model).contains("Redis is full.") && banner(model).contains("(+1)"))
        _ = model.update(.away("Redis away"))
        #expect(banner(model).contains("Redis away") && !banner(model).contains("full"))
    }

    @Test func help() throws {
        var model = Scene.busy()
        _ = model.update(.key(.character("?")))
        try expect(DashboardView(model).picture(Self.standard), matches: "help-80x24")
    }

    @Test func report() throws {
        try expect(DashboardView(Scene.busy()).report(width: 100), matches: "report-100")
    }

    /// No size, however odd, and no number, however absurd, is too much.
    @Test func anySize() {
        let absurd = Scene.busy {
            $0.depth = QueueDepth(waiting: .max / 4, inFlight: -1, dead: 1)
            $0.workers[0].progress = .nan
            $0.workers[1].progress = 7
            $0.status.record?.replicas = .init(now: -3, wanted: 4_000_000, ready: 0, pending: 0)
            $0.status.record?.observation.realTimeFactor = .infinity
            $0.status.record?.lastChange?.at = Date(timeIntervalSince1970: 9e12)
            $0.songs = [Scene.job(0): "\u{301}\u{200D}\u{FE0F}", Scene.job(1): String(repeating: "👩‍👩‍👧", count: 99)]
        }
        for model in [Scene.busy(), Scene.empty(), absurd] {
            for width in 0..<130 {
                for height in [0, 1, 2, 9, 10, 11, 12, 15, 19, 24, 31, 50] {
                    let picture = DashboardView(model).picture(Size(width: width, height: height))
                    #expect(picture.rows.count == height)
                }
            }
            #expect(!DashboardView(model).report(width: 0).rows.isEmpty)
        }
    }

    @Test func namesCannotDriveTheTerminal() {
        let rows = DashboardView(Scene.busy()).picture(Size(width: 200, height: 60)).rows.joined()
        #expect(!rows.contains("\u{1b}"))
        #expect(!rows.contains("\r"))
    }

    @Test func manyWorkersScrollWithTheSelection() {
        var model = Scene.busy { snapshot in
            snapshot.workers = (10..<40).map { WorkerRecord(id: "worker-\($0)", heartbeat: Scene.now) }
        }
        #expect(!DashboardView(model).picture(Self.standard).rows.contains { $0.contains("worker-39") })
        _ = model.update(.key(.end))
        let rows = DashboardView(model).picture(Self.standard).rows
        #expect(rows.contains { $0.hasPrefix("▸worker-39") })
        #expect(rows.contains { $0.contains("27–30 of 30") })
    }
}
