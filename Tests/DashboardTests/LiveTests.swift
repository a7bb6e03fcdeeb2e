import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// The running program in a real terminal, on a real Redis.
@Suite(.serialized) struct LiveTests {
    private func open(_ service: Service, columns: Int = 80, lines: Int = 24, environment: [String: String] = [:])
        async throws -> Tmux
    {
        let tmux = try await Tmux(columns: columns, lines: lines, environment: environment, service.dashboard)
        try await tmux.wait("shows the workers") { $0.contains("worker-0") && $0.contains("q quit") }
        return tmux
    }

    /// The process of the dashboard in the terminal.
    private func program(in tmux: Tmux) async throws -> pid_t {
        let shell = try await tmux.value(of: "#{pane_pid}")
        let children = try await Program.run(["pgrep", "-P", shell, "-x", "autoscaler"])
        return try #require(pid_t(children.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    /// The program has ended with code 0, and the terminal is as it was: its old text, its cursor, its line mode.
    private func expectLeft(_ tmux: Tmux) async throws {
        let screen = try await tmux.wait("ended") { $0.contains("ended 0") && $0.contains("icanon") }
        #expect(screen.contains("before"))
        #expect(!screen.contains("-icanon"))
        #expect(!screen.contains("BACKLOG"))
        #expect(try await tmux.value(of: "#{alternate_on} #{cursor_flag} #{wrap_flag}") == "0 1 1")
    }

    @Test func showsTheServiceAndLeavesOnQ() async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await open(service)
        let screen = try await tmux.screen()
        #expect(try await tmux.value(of: "#{alternate_on} #{cursor_flag} #{wrap_flag}") == "1 0 0")
        for part in [
            "BACKLOG 5: 3 waiting · 2 in flight", "5 now → 7 wanted", "capped: memory 7", "夜に駆ける - YOASOBI.flac",
            "25%",
            "75%", "1 dead", "The file is damaged.", "evil�[31mred��.mp3",
        ] {
            #expect(screen.contains(part), "\(part) is missing in:\n\(screen)")
        }
        try await tmux.press("?")
        try await tmux.wait("help") { $0.contains("back to automatic: no pause") }
        try await tmux.press("Escape")
        try await tmux.wait("help gone") { !$0.contains("back to automatic: no pause") }
        try await tmux.press("q")
        try await expectLeft(tmux)
    }

    @Test func keysReachRedis() async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await open(service)
        try await tmux.press("p")
        try await tmux.wait("paused") { $0.contains("PAUSED") && $0.contains("p resume") || $0.contains("is paused") }
        try await eventually("paused") { try await service.board.control().isPaused }
        try await tmux.press("p", "+")
        try await eventually("overridden") {
            try await service.board.control() == AutoscalerControl(override: 8)
        }
        try await tmux.wait("override") { $0.contains("OVERRIDE 8") }
        try await tmux.press("-", "-")
        try await eventually("overridden") { try await service.board.control().override == 6 }
        try await tmux.press("a")
        try await eventually("automatic") { try await service.board.control() == .automatic }
        try await tmux.press("Down", "j", "d")
        try await eventually("draining") { try await service.board.drainRequest(of: "worker-1") != nil }
        try await tmux.wait("to drain") { $0.contains("to drain") }
        try await tmux.press("d")
        try await eventually("not draining") { try await service.board.drainRequest(of: "worker-1") == nil }
        try await tmux.press("r")
        try await eventually("revived") { try await service.queue.depth().dead == 0 }
        try await tmux.wait("notice") { $0.contains("1 job is back in the queue.") }
        try await tmux.press("C-c")
        try await expectLeft(tmux)
    }

    @Test func followsWhatHappens() async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await open(service)
        let id = JobID.random()
        _ = try await service.queue.enqueue(
            Job(id: id, bucket: "queue", key: "\(id)/new.mp3", filename: "brand new.mp3"))
        try await tmux.wait("new job") { $0.contains("brand new.mp3") && $0.contains("4 waiting") }
        try await service.queue.forget(worker: "worker-2")
        try await tmux.wait("worker gone") { !$0.contains("worker-2  ") }
    }

    @Test func redrawsOnEveryResize() async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await open(service)
        try await tmux.resize(columns: 140, lines: 40)
        try await tmux.wait("wide") { screen in
            screen.split(separator: "\n").contains { $0.contains("WORKERS") && $0.contains("EVENTS") }
        }
        try await tmux.resize(columns: 30, lines: 6)
        try await tmux.wait("too small") { $0.contains("too small") }
        try await tmux.resize(columns: 80, lines: 24)
        let screen = try await tmux.wait("as before") { $0.contains("q quit") && $0.contains("worker-0") }
        #expect(screen.contains("BACKLOG"))
        #expect(!screen.contains("too small"))
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func leavesOnSignals(_ signal: Int32) async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await open(service)
        kill(try await program(in: tmux), signal)
        try await expectLeft(tmux)
    }

    @Test func stopsAndGoesOn() async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await open(service)
        let dashboard = try await program(in: tmux)
        try await tmux.press("C-z")
        try await tmux.wait("stopped") { $0.contains("before") && !$0.contains("BACKLOG") }
        #expect(try await tmux.value(of: "#{alternate_on}") == "0")
        kill(dashboard, SIGCONT)
        try await tmux.wait("back") { $0.contains("BACKLOG") && $0.contains("worker-0") }
        try await tmux.press("q")
        try await expectLeft(tmux)
    }

    @Test func redisGoesAndComesBack() async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await open(service)
        kill(service.redis.processIdentifier, SIGSTOP)
        try await tmux.wait("banner") { $0.contains("Redis away, retrying") && $0.contains("worker-0") }
        kill(service.redis.processIdentifier, SIGCONT)
        try await tmux.wait("banner gone") { !$0.contains("Redis away") && $0.contains("worker-0") }
        service.redis.kill()
        try await tmux.wait("banner") { $0.contains("Redis away, retrying") && $0.contains("worker-0") }
        try await tmux.press("p")
        try await tmux.wait("refused") { $0.contains("cannot be reached") }
        try await tmux.press("q")
        try await expectLeft(tmux)
    }

    @Test func colourOnlyWhereTheTerminalHasIt() async throws {
        let service = try Service()
        try await service.fill()
        let coloured = try await open(service, environment: ["TERM": "xterm-256color"])
        try await coloured.wait("coloured", styled: true) { $0.contains("\u{1b}[38;5;71m") }
        let plain = try await open(service, environment: ["TERM": "xterm-256color", "NO_COLOR": "1"])
        let screen = try await plain.screen(styled: true)
        #expect(screen.contains("\u{1b}["))
        #expect(!screen.contains(/\x1b\[[0-9;]*3[0-8]/))
    }

    @Test func aDumbTerminalGetsText() async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await Tmux(columns: 80, lines: 40, environment: ["TERM": "dumb"], service.dashboard)
        let screen = try await tmux.wait("ended") { $0.contains("ended 0") }
        #expect(screen.contains("BACKLOG 5"))
        #expect(!screen.contains("q quit"))
    }

    @Test func onlyASCIIWithoutAUnicodeLocale() async throws {
        let service = try Service()
        try await service.fill()
        let tmux = try await open(service, environment: ["LC_ALL": "C"])
        #expect(try await tmux.screen().utf8.allSatisfy { $0 < 0x80 })
    }

    @Test func startsBeforeRedis() async throws {
        let port = try freePort()
        let tmux = try await Tmux(
            columns: 80, lines: 24,
            "'\(Service.program)' dashboard --interval 0.2 --redis-url redis://127.0.0.1:\(port)"
        )
        try await tmux.wait("banner") { $0.contains("Redis away, retrying") }
        try await tmux.press("q")
        try await expectLeft(tmux)
    }
}
