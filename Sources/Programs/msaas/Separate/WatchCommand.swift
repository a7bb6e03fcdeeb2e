import ArgumentParser
import Foundation
import Terminal

/// `msaas watch`: separates what is dropped into a folder.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Separate whatever is dropped into a folder, until Ctrl-C.",
        discussion: """
            Takes the flags of `separate`. A file is separated once it has kept its size for a while and nobody has it open \
            for writing; hidden files are left out. What has stems that are not older than the file is done, also after a \
            restart; a file that is written anew is separated anew.
            """)

    @Argument(help: ArgumentHelp("The folder.", valueName: "folder"))
    var folder: String

    @OptionGroup var how: HowToSeparate

    @Option(help: ArgumentHelp("How long a file must have kept its size.", valueName: "seconds"))
    var settle = 2.0

    func validate() throws {
        guard settle >= 0, settle <= 86_400 else {
            throw ValidationError("--settle is \(settle); it must be from 0 to 86400 seconds.")
        }
    }

    func run() async throws {
        guard FileFacts(folder)?.isFolder == true else {
            throw CommandFailure("\(ByteNames.shown(folder)) is no folder; name the one to watch.")
        }
        let interruption = Interruption()
        do {
            try await interruption.run { try await watch(interruption) }
        } catch  where error is CancellationError || interruption.isRequested {}
        note("Stopped; nothing half-done was left.")
        throw ExitCode(Interruption.status)
    }

    private func watch(_ interruption: Interruption) async throws {
        var (batch, plan) = try await how.begin(interruption)
        say("Watching \(ByteNames.shown(folder))")
        var arrivals = Arrivals(settle: settle)
        var isGone = false
        while !interruption.isRequested {
            if (FileFacts(folder) == nil) != isGone {
                isGone.toggle()
                note("\(ByteNames.shown(folder)) is \(isGone ? "gone; it is waited for" : "there again").")
            }
            let begin = ContinuousClock.now
            let list = TrackList([folder], isRecursive: how.batch.recursive, excluding: [how.output.out, plan.folder])
            let ready = arrivals.ready(isGone ? [] : list.tracks, at: .now)
            // A large library is not looked through without a pause.
            let pause = max(.milliseconds(500), (ContinuousClock.now - begin) * 10)
            if !ready.isEmpty {
                let entries = try place(ready, &plan).filter { !$0.isPresent || arrivals.isRewritten($0.track) }
                if !entries.isEmpty { say(try await batch.separate(entries).sentence) }
                // Whatever became of them, they are not tried again before they change.
                arrivals.settled(ready)
            }
            try await Task.sleep(for: pause)
        }
    }

    /// A file that comes again keeps its place; only what is new is given one.
    private func place(_ tracks: [Track], _ plan: inout StemPlan) throws -> [StemPlan.Entry] {
        let known = tracks.compactMap { plan.placed[$0.path] }
        let new = try plan.place(tracks.filter { plan.placed[$0.path] == nil })
        return known + new
    }
}

/// Which files of a folder have come to rest.
///
/// Pure but for what it asks of each file: a copy that goes on changes its size or its time, one that stands still for a moment is
/// open for writing, and one that was renamed is the same file under another name.
struct Arrivals {
    /// What a file looked like.
    private struct Look: Equatable {
        let identity: FileFacts.Identity
        let size: Int
        let modified: Double

        init?(_ path: String) {
            guard let facts = FileFacts(path), facts.isRegular else { return nil }
            (identity, size, modified) = (facts.identity, facts.size, facts.modified)
        }
    }

    private let settle: Duration
    private var seen: [String: (look: Look, since: ContinuousClock.Instant)] = [:]
    private var done: [FileFacts.Identity: Look] = [:]
    private var doneNames: [String: Look] = [:]

    /// - Parameter settle: seconds for which a file must look the same.
    init(settle: Double) { self.settle = .seconds(settle) }

    /// Those of the folder's files that may be worked on.
    mutating func ready(_ tracks: [Track], at now: ContinuousClock.Instant) -> [Track] {
        var present: [String: (look: Look, since: ContinuousClock.Instant)] = [:]
        var ready: [Track] = []
        for track in tracks {
            guard let look = Look(track.path) else { continue }
            let before = seen[track.path]
            let since = before.flatMap { $0.look == look ? $0.since : nil } ?? now
            present[track.path] = (look, since)
            if look.size > 0, done[look.identity] != look, now - since >= settle, !Self.isBeingWritten(track.path) {
                ready.append(track)
            }
        }
        seen = present
        return ready
    }

    /// These were worked on as they looked when they were ready.
    mutating func settled(_ tracks: [Track]) {
        for track in tracks {
            guard let look = seen[track.path]?.look else { continue }
            done[look.identity] = look
            doneNames[track.path] = look
        }
    }

    /// Whether the file was worked on and is another one now. It may still be older than its stems: it may have been written while
    /// they were made.
    func isRewritten(_ track: Track) -> Bool { doneNames[track.path].map { $0 != seen[track.path]?.look } ?? false }

    /// Whether somebody has the file open for writing: then the kernel gives nobody a lease for reading. Where it gives none at all
    /// (files of others, file systems of the network), the time alone decides.
    private static func isBeingWritten(_ path: String) -> Bool {
        let descriptor = ByteNames.withCString(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let setLease: Int32 = 1024
        guard fcntl(descriptor, setLease, Int32(F_RDLCK)) != 0 else {
            _ = fcntl(descriptor, setLease, Int32(F_UNLCK))
            return false
        }
        return errno == EAGAIN
    }
}
