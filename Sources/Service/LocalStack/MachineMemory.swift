import Foundation
import Policy

/// What this machine's memory is enough for.
struct MachineMemory: Sendable {
    /// What one worker may take, in bytes.
    let worker: Int64
    /// The text of `/proc/meminfo`; empty where there is none.
    var read: @Sendable () -> String = { (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? "" }

    /// The room for further workers: a tenth of the machine is for everything else, and what other programs hold is not
    /// ours.
    ///
    /// - Parameters:
    ///   - workers: how many there are; each keeps its share, however much of it it has taken.
    ///   - starting: how many of them may not have taken their share yet.
    func room(workers: Int, starting: Int) -> Headroom {
        let text = read()
        guard let total = Self.bytes("MemTotal", in: text), let available = Self.bytes("MemAvailable", in: text) else {
            return .unlimited
        }
        let share = total / 10 * 9 - Int64(workers) * worker
        return Headroom(request: worker, nodes: [min(share, available - Int64(starting) * worker)])
    }

    /// A line `MemTotal:  24576000 kB`, in bytes.
    private static func bytes(_ name: String, in text: String) -> Int64? {
        text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            .flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().first }
            .flatMap { Int64($0) }.map { $0 * 1024 }
    }
}
