import ArgumentParser
import Foundation
import HTTPTransport
import ServiceClient
import ServiceContract
import Synchronization
import Terminal

/// `msaas fetch`: follows jobs to their end and downloads their stems.
struct FetchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Follow jobs to their end and download their stems.",
        discussion: "Stems of a song go to a new folder OUT/SONG; one that is there already is left alone: SONG (2).")

    @Argument(help: ArgumentHelp("The jobs' ids, as `submit` and `jobs` print them.", valueName: "job"))
    var jobs: [JobID]

    @Option(name: [.customShort("o"), .long], help: "The folder for the stems; each song has its own folder in it.")
    var out = "stems"

    @OptionGroup var service: ServiceOption

    func run() async throws {
        let interruption = Interruption()
        let delivery = Delivery(client: try service.client(), folder: out, total: jobs.count)
        for job in jobs { delivery.expect(job) }
        let (waiting, next) = AsyncStream.makeStream(of: JobID.self)
        for job in jobs { next.yield(job) }
        next.finish()
        do {
            try await interruption.run {
                try await forEach(of: waiting, atOnce: 16) { job in
                    try await delivery.deliver(job, to: nil, called: "\(job)")
                }
            }
        } catch  where error is CancellationError || interruption.isRequested {}
        try delivery.end(isInterrupted: interruption.isRequested, isBatch: jobs.count > 1)
    }
}

/// `msaas cancel`: takes jobs out of the queue, or away from their workers.
struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel jobs that wait or are being worked on.",
        discussion: "What is done keeps its stems; a job that has ended is left as it is.")

    @Argument(help: ArgumentHelp("The jobs' ids, as `submit` and `jobs` print them.", valueName: "job"))
    var jobs: [JobID]

    @OptionGroup var service: ServiceOption

    func run() async throws {
        let client = try service.client()
        var failures = 0
        for job in jobs {
            do {
                let state = try await client.status(of: job).state
                guard !state.isFinished else {
                    note("\(job) is \(state.rawValue) already.")
                    failures += 1
                    continue
                }
                try await client.cancel(job)
                say("\(job) is cancelled")
            } catch {
                note("\(job): \("\(error)".printable)")
                failures += 1
            }
        }
        if failures > 0 { throw ExitCode.failure }
    }
}

/// Songs on their way through the service to a folder of this machine; told from several tasks.
///
/// A song's stems go to a folder that is made for them, so nothing is ever overwritten; when a download fails, the folder goes.
final class Delivery: Sendable {
    private struct State {
        var tally: Tally
        /// Jobs that the service knows and whose stems are not here.
        var open: [JobID] = []
    }

    private let client: ServiceClient
    private let folder: String
    private let line = StatusLine()
    private let state: Mutex<State>

    /// A delivery of so many songs to `folder`.
    init(client: ServiceClient, folder: String, total: Int) {
        self.client = client
        self.folder = folder
        state = Mutex(State(tally: Tally("songs", "done", left: "on the way", total: total)))
    }

    /// Stems of this job will be asked for.
    func expect(_ job: JobID) { state.withLock { $0.open.append(job) } }

    /// Uploads a file and says its job at once.
    ///
    /// - Returns: nil where that failed, which was said.
    func upload(_ track: Track, options: [String: String]) async throws -> JobID? {
        let shown = ByteNames.shown(track.path)
        return try await attempt(shown) {
            guard let facts = FileFacts(track.path) else { throw CommandFailure("there is no such file.") }
            guard facts.isRegular else { throw CommandFailure("this is not a regular file; only files can be sent.") }
            show("uploading \(shown)")
            let name = track.name.split(separator: "/").last.map(String.init) ?? track.name
            let job = try await client.upload(
                ReachedFile(track.path).url, named: ByteNames.shown(name), options: options)
            expect(job)
            line.above { say("\(job)  \(shown)") }
            return job
        }
    }

    /// Follows a job and downloads its stems.
    ///
    /// - Parameters:
    ///   - title: the folder's name; nil for that of the song.
    ///   - shown: what to call the job.
    func deliver(_ job: JobID, to title: String?, called shown: String) async throws {
        _ = try await attempt(shown) {
            let status = try await client.follow(job) { show("\(shown): \($0.summary)", share: $0.progress) }
            let folder = try makeFolder(title ?? Self.title(of: status.filename))
            let reached = ReachedFile(folder)
            var files: [String] = []
            do {
                for stem in status.stems {
                    show("\(shown): downloading \(stem.name)")
                    let file = try await client.download(stem, of: job, to: reached.url)
                    files.append("\(folder)/\(file.lastPathComponent)")
                }
            } catch {
                for file in files { _ = ByteNames.withCString(file) { unlink($0) } }
                _ = ByteNames.withCString(folder) { rmdir($0) }
                throw error
            }
            state.withLock {
                $0.tally.succeeded += 1
                $0.open.removeAll { $0 == job }
            }
            line.above {
                for warning in status.warnings { note("\(shown): \(warning.printable)") }
                say("\(shown): done" + (status.model.map { " with \($0)" } ?? "").printable)
                for file in files { say("  \(ByteNames.shown(file))") }
            }
        }
    }

    /// The last line, and the exit status that goes with it.
    func end(isInterrupted: Bool, isBatch: Bool) throws {
        line.clear()
        let (tally, open) = state.withLock { ($0.tally, $0.open) }
        if isBatch { say(tally.sentence) }
        if isInterrupted {
            if !open.isEmpty {
                note(
                    "The service goes on. Get the stems with: msaas fetch \(open.map(\.description).joined(separator: " "))"
                )
            }
            throw ExitCode(Interruption.status)
        }
        if tally.succeeded < tally.total || tally.total == 0 { throw ExitCode.failure }
    }

    /// Does something for a song; a failure is said and counted, and holds nobody up.
    private func attempt<Result>(_ shown: String, _ body: () async throws -> Result) async throws -> Result? {
        do {
            return try await body()
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            try Task.checkCancellation()
            state.withLock { state in
                state.tally.failed += 1
                // What ended without stems has none to fetch.
                if case ServiceError.jobEnded(let job, _, _) = error { state.open.removeAll { $0 == job } }
            }
            line.above { note("\(shown): \("\(error)".printable)") }
            return nil
        }
    }

    private func show(_ text: String, share: Double? = nil) {
        let tally = state.withLock { $0.tally }
        let ended = tally.succeeded + tally.failed
        line.show((tally.total > 1 ? "\(ended) of \(tally.total), " : "") + text, share: share)
    }

    /// Makes the folder of a song, numbered where there is one of that name.
    private func makeFolder(_ title: String) throws -> String {
        var number = 1
        while true {
            let path = "\(folder)/\(title)" + (number == 1 ? "" : " (\(number))")
            if try make(path) { return path }
            number += 1
        }
    }

    /// Makes a folder and what is missing above it.
    ///
    /// - Returns: whether it was not there before.
    private func make(_ path: String) throws -> Bool {
        if ByteNames.withCString(path, { mkdir($0, 0o777) }) == 0 { return true }
        if errno == EEXIST { return false }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw CommandFailure(
                "the folder \(ByteNames.shown(path)) cannot be made: \(String(cString: strerror(errno)))")
        }
        _ = try make(String(path[..<slash]))
        return try make(path)
    }

    /// A folder's name that a song's name gives, whatever the service says.
    private static func title(of filename: String) -> String {
        let name = filename.printable.replacing("/", with: "_")
        let title = Track(path: name, name: name).title
        return title.isEmpty || title.hasPrefix(".") ? "song\(title)" : title
    }
}

extension JobStatus {
    /// One line about where the job is.
    var summary: String {
        switch state {
        case .queued: position.map { "waiting, place \($0)" } ?? "waiting"
        case .running: etaSeconds.map { "\(time($0)) left" } ?? "running"
        default: state.rawValue
        }
    }
}

extension JobID: ExpressibleByArgument {
    /// 32 hex digits.
    public init?(argument: String) { self.init(argument) }
}
