import Foundation
import Jobs
import ServiceContract

/// Backlog and throughput over time, in bins of ten seconds.
///
/// The event log tells what came before the dashboard was opened, or while it could not read: the backlog of then is
/// today's, with every event since undone.
package struct Traffic: Sendable, Equatable {
    /// Ten seconds.
    package struct Bin: Sendable, Equatable {
        /// The most jobs that were not finished; `nil` where nothing is known.
        package var backlog: Int?
        /// Jobs that were done.
        package var done = 0
        /// Jobs that failed for good, through the song's own fault.
        package var failed = 0
    }

    /// The length of a bin in seconds.
    package static let resolution = 10
    /// How far back bins are kept, in seconds.
    package static let memory = 3600
    /// The throughput is a mean over so many bins.
    private static let smoothing = 30

    private var bins: [Int: Bin] = [:]
    private var newest: Int?

    package init() {}

    /// Takes note of the backlog at `time` and of the events since the last call, oldest first.
    package mutating func record(backlog: Int, at time: Date, events: [JobEvent]) {
        let present = Self.bin(time)
        let oldest = events.first.map { Self.bin($0.time) } ?? present
        let start = max(
            min(newest.map { min($0 + 1, present) } ?? oldest, present), present - Self.memory / Self.resolution)
        var (level, later) = (backlog, events[...])
        for bin in (start...present).reversed() {
            var highest = level
            while let event = later.last, Self.bin(event.time) >= bin {
                level = max(0, level - event.kind.growth)
                highest = max(highest, level)
                later.removeLast()
            }
            bins[bin, default: Bin()].backlog = max(bins[bin]?.backlog ?? 0, highest)
        }
        for event in events {
            switch event.kind {
            case .done: bins[Self.bin(event.time), default: Bin()].done += 1
            case .failed: bins[Self.bin(event.time), default: Bin()].failed += 1
            default: break
            }
        }
        newest = present
        bins = bins.filter { $0.key > present - Self.memory / Self.resolution }
    }

    /// The latest `count` bins, the present one last; `nil` where nothing is known.
    package func latest(_ count: Int, until time: Date) -> [Bin?] {
        let present = Self.bin(time)
        return (0..<count).map { bins[present - count + 1 + $0] }
    }

    /// Jobs done in a minute, as a mean over the last five.
    package func donePerMinute(until time: Date) -> Double {
        let done = latest(Self.smoothing, until: time).reduce(0) { $0 + ($1?.done ?? 0) }
        return Double(done) * 60 / Double(Self.smoothing * Self.resolution)
    }

    /// Jobs that failed within the last hour; the dead are counted by the queue.
    package func failed(until time: Date) -> Int {
        latest(Self.memory / Self.resolution, until: time).reduce(0) { $0 + ($1?.failed ?? 0) }
    }

    private static func bin(_ time: Date) -> Int {
        Int((time.timeIntervalSince1970 / Double(resolution)).rounded(.down))
    }
}

extension JobEvent.Kind {
    /// By how much it changes the number of unfinished jobs.
    fileprivate var growth: Int {
        switch self {
        case .enqueued, .revived: 1
        case .done, .failed, .dead, .cancelled: -1
        case .started, .progress, .sealed, .retried, .givenBack, .recovered, .removed: 0
        }
    }
}
