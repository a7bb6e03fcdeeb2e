import Foundation
import Synchronization

/// Whether the queue can be relied on, in sentences for the operator; none of them holds a secret.
///
/// What makes the queue useless (no connection, wrong password, no scripting, a cluster that has no room for its keys, other
/// rules) is a ``RedisError``; this is about a Redis that works and yet loses jobs, or will soon take none.
public struct QueueHealth: Error, Sendable, Equatable, Codable, CustomStringConvertible {
    /// What is wrong; empty when nothing is.
    public var troubles: [String]

    /// A health of its troubles.
    public init(troubles: [String] = []) { self.troubles = troubles }

    /// All troubles in a line.
    public var description: String { troubles.joined(separator: " ") }

    /// - Throws: itself when something is wrong.
    public func check() throws { if !troubles.isEmpty { throw self } }

    /// Reads what `INFO memory` and `INFO persistence` say.
    init(info text: String) {
        var fields: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        func number(_ name: Substring) -> Int { fields[name].flatMap { Int($0) } ?? 0 }
        troubles = []
        let (limit, used) = (number("maxmemory"), number("used_memory"))
        let policy = fields["maxmemory_policy"] ?? "noeviction"
        if limit > 0, policy != "noeviction" {
            troubles.append(
                "Redis forgets keys when its memory is full (maxmemory-policy \(policy)), and with them jobs; set it to "
                    + "noeviction.")
        }
        if limit > 0, used >= limit {
            troubles.append(
                "Redis is full (\(used >> 20) of \(limit >> 20) MiB, maxmemory): no new songs are taken in, work that was "
                    + "begun goes on; give it more memory.")
        }
        if fields["rdb_last_bgsave_status"] == "err" || fields["aof_last_write_status"] == "err" {
            troubles.append("Redis cannot write to its disk; free the disk it saves to.")
        }
    }
}

extension RedisJobQueue {
    /// Looks whether the queue can be relied on: connection, password, rules, scripting, memory, disk.
    ///
    /// - Throws: ``RedisError`` when it cannot be used at all.
    public func health() async throws -> QueueHealth {
        // A script, so that a user who may not run any is found here and not in the middle of work.
        _ = try await overview()
        var text = ""
        for section in ["memory", "persistence"] {
            text += try await pool.client.send(["INFO", RedisArgument(section)]).string ?? ""
        }
        return QueueHealth(info: text)
    }
}

/// Says what goes wrong over and over once a minute, and at once when it is something else.
public final class RepeatedTrouble: Sendable {
    private let last = Mutex<(sentence: String, time: ContinuousClock.Instant)?>(nil)
    private let pause: Duration

    /// Lets the same sentence through once in `pause`.
    public init(every pause: Duration = .seconds(60)) { self.pause = pause }

    /// Whether to say it now.
    public func isNews(_ error: any Error, now: ContinuousClock.Instant = .now) -> Bool {
        let sentence = "\(error)"
        return last.withLock { last in
            if let said = last, said.sentence == sentence, now - said.time < pause { return false }
            last = (sentence, now)
            return true
        }
    }

    /// It works again: the next trouble is news.
    public func isOver() { last.withLock { $0 = nil } }
}
