public import Audio
import Foundation
import Jobs
import Separation
import ServiceContract

/// What one job may take of this machine, checked as soon as it can be known: the song's bytes before they are fetched, its
/// rate at its first samples, its length while it is measured, work and disk before the first segment, the wall clock all
/// along. What a song claims of itself is never believed, and what passes a limit fails at once with a sentence: it would
/// fail on every other machine and on every attempt.
public struct JobLimits: Sendable, Equatable {
    /// Bytes of the song.
    public var songBytes = 2 << 30
    /// Seconds of the song.
    public var songSeconds = 10_800.0
    /// Frames a second of the song.
    public var sampleRates = 4_000...768_000
    /// Seconds of audio that the models hear: the song's, times the shifts, divided by what overlap leaves of a segment.
    public var workSeconds = 21_600.0
    /// Bytes of all stems together.
    public var stemBytes = 16 << 30
    /// Bytes of the worker's disk that a song and its stems may take while they are made; `nil` for the whole disk.
    public var diskBytes: Int?
    /// How long an attempt may take until its stems are separated.
    public var wallClock = Duration.seconds(14_400)

    /// The usual limits.
    public init() {}

    /// Reads `MSAAS_MAX_SONG_MB`, `MSAAS_MAX_SONG_SECONDS`, `MSAAS_SAMPLE_RATES` (as `4000-768000`),
    /// `MSAAS_MAX_WORK_SECONDS`, `MSAAS_MAX_STEMS_MB`, `MSAAS_MAX_DISK_MB` and `MSAAS_MAX_JOB_SECONDS`.
    ///
    /// - Throws: `InvalidOption` that names the variable, its value and what is allowed.
    public init(environment: [String: String]) throws(InvalidOption) {
        func bytes(_ name: String) throws(InvalidOption) -> Int? {
            try environment.number(name, within: 1...1e9).map { Int($0 * 1e6) }
        }
        self.init()
        songBytes = try bytes("MSAAS_MAX_SONG_MB") ?? songBytes
        songSeconds = try environment.number("MSAAS_MAX_SONG_SECONDS", within: 1...864_000) ?? songSeconds
        workSeconds = try environment.number("MSAAS_MAX_WORK_SECONDS", within: 1...8_640_000) ?? workSeconds
        stemBytes = try bytes("MSAAS_MAX_STEMS_MB") ?? stemBytes
        diskBytes = try bytes("MSAAS_MAX_DISK_MB")
        if let seconds = try environment.number("MSAAS_MAX_JOB_SECONDS", within: 1...864_000) {
            wallClock = .milliseconds(Int64(seconds * 1000))
        }
        if let text = environment["MSAAS_SAMPLE_RATES"], !text.isEmpty {
            guard let rates = SongBudget.sampleRates(text) else {
                throw InvalidOption(
                    name: "MSAAS_SAMPLE_RATES", value: text,
                    rule: "it must be the lowest and the highest rate in Hz, such as 4000-768000")
            }
            sampleRates = rates
        }
    }

    /// The limits of one song: these, and the narrower ones that its owner has.
    public func narrowed(by budget: SongBudget) -> JobLimits {
        var limits = self
        limits.songBytes = min(songBytes, budget.songBytes ?? .max)
        limits.songSeconds = min(songSeconds, budget.songSeconds ?? .infinity)
        limits.sampleRates = sampleRates.clamped(to: budget.sampleRates ?? 1...Int.max)
        limits.workSeconds = min(workSeconds, budget.workSeconds ?? .infinity)
        limits.stemBytes = min(stemBytes, budget.stemBytes ?? .max)
        if let bytes = budget.diskBytes { limits.diskBytes = min(diskBytes ?? .max, bytes) }
        if let seconds = budget.jobSeconds { limits.wallClock = min(wallClock, .seconds(seconds)) }
        return limits
    }

    /// The limits for whoever decodes the song.
    public var audio: AudioLimits { AudioLimits(sampleRates: sampleRates, seconds: songSeconds) }
}

// MARK: - Checks

extension JobLimits {
    /// Refuses a song of too many bytes.
    func check(bytes: Int, of name: String) throws {
        guard bytes > songBytes else { return }
        throw SongRefused(
            "\(name) has \(megabytes(bytes)), and songs of at most \(megabytes(songBytes)) are separated here; "
                + "send it as FLAC or MP3, or in parts.")
    }

    /// Refuses what would take too much work, or whose stems are too large for the limit or for any disk like this one.
    ///
    /// - Parameter folder: where the stems are written
    /// - Throws: ``SongRefused``; ``NoRoom`` where there would be room if other things were gone
    func check(_ song: SongMeasure, options: JobOptions, writingTo folder: URL) throws {
        let work = song.seconds * Double(max(1, options.shifts)) / max(0.01, 1 - options.overlap)
        guard work <= workSeconds else {
            throw SongRefused(
                "This song of \(Int(song.seconds)) s is \(Int(work)) s of work with \(options.shifts) shifts and an overlap of "
                    + "\(options.overlap), and at most \(Int(workSeconds)) s are done here; ask for fewer shifts, less overlap "
                    + "or a shorter song.")
        }
        guard song.stemBytes <= stemBytes else {
            throw SongRefused(
                "The stems would take \(megabytes(song.stemBytes)), and at most \(megabytes(stemBytes)) are stored here; "
                    + "ask for flac or mp3, or send the song in parts.")
        }
        guard let disk = DiskSpace(of: folder) else { return }
        let room = min(disk.total, diskBytes ?? .max)
        guard song.diskBytes <= room else {
            throw SongRefused(
                "The stems need \(megabytes(song.diskBytes)) while they are made, and a worker's disk has "
                    + "\(megabytes(room)); ask for flac or mp3, or send the song in parts.")
        }
        guard song.diskBytes <= disk.free else { throw NoRoom(needed: song.diskBytes, free: disk.free) }
    }

    /// Why an attempt was ended.
    var outOfTime: SongRefused {
        SongRefused(
            "The song was not separated within \(Int(wallClock / .seconds(1))) s, the most that one may take here; "
                + "ask for fewer shifts or less overlap, or send it in parts.")
    }

    private func megabytes(_ bytes: Int) -> String { "\((bytes + 999_999) / 1_000_000) MB" }
}

/// The disk has room for the stems, but not at the moment.
struct NoRoom: Error, CustomStringConvertible {
    let needed: Int
    let free: Int

    var description: String { "the stems need \(needed) bytes and the disk has \(free) left" }
}

/// How large the disk below a folder is.
struct DiskSpace {
    /// Bytes of the whole disk.
    let total: Int
    /// Bytes that are left for this process.
    let free: Int

    /// Asks the system; nil where it does not say.
    init?(of folder: URL) {
        var disk = statvfs()
        guard statvfs(folder.path, &disk) == 0, disk.f_blocks > 0 else { return nil }
        func bytes(_ blocks: UInt) -> Int {
            let (product, isTooMuch) = blocks.multipliedReportingOverflow(by: disk.f_frsize)
            return isTooMuch ? .max : Int(clamping: product)
        }
        total = bytes(disk.f_blocks)
        free = bytes(disk.f_bavail)
    }
}
