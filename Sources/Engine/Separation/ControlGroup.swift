import Foundation

/// The control groups that this process runs in (Linux, versions 1 and 2), as containers use them.
struct ControlGroup {
    /// The folder that holds `proc` and `sys`.
    private let root: URL

    init(root: URL = URL(filePath: "/")) { self.root = root }

    /// The contents of a setting in this process's group and in all those above it, as far as they can be seen.
    ///
    /// - Parameters:
    ///   - name: the setting's file in version 2
    ///   - controller: the controller of version 1 that has it
    ///   - oldNames: its files there; their contents are joined by spaces
    func settings(_ name: String, controller: String, oldNames: [String]) -> [(file: String, text: String)] {
        let table = read("proc/self/cgroup") ?? ""
        return table.split(separator: "\n").flatMap { line -> [(String, String)] in
            // number:controllers:path
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            let (mounts, files): ([String], [String])
            if fields[1].isEmpty {
                (mounts, files) = (["sys/fs/cgroup", "sys/fs/cgroup/unified"], [name])
            } else if fields[1].split(separator: ",").contains(Substring(controller)) {
                (mounts, files) = (["sys/fs/cgroup/\(controller)"], oldNames)
            } else {
                return []
            }
            // In a container the path may be the host's, of which only the last part, or nothing, is visible.
            let path = fields[2].split(separator: "/").filter { $0 != ".." }.map(String.init)
            return mounts.flatMap { mount in
                (0...path.count).compactMap { depth in
                    let folder = ([mount] + path.prefix(depth)).joined(separator: "/")
                    let texts = files.compactMap { read("\(folder)/\($0)") }
                    return texts.count == files.count ? (files[0], texts.joined(separator: " ")) : nil
                }
            }
        }
    }

    private func read(_ path: String) -> String? {
        let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8)
        return text?.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// How many processors this process may use.
public enum Processors {
    /// Those that it is bound to (`sched_setaffinity`, cpusets), or fewer where its control group's quota of processor time
    /// (`cpu.max`) is smaller; a part of one counts as one.
    ///
    /// - Parameter root: the folder that holds `proc` and `sys`
    public static func available(root: URL = URL(filePath: "/")) -> Int {
        let quotas = ControlGroup(root: root).settings(
            "cpu.max", controller: "cpu", oldNames: ["cpu.cfs_quota_us", "cpu.cfs_period_us"])
        let limits = quotas.compactMap { _, text -> Int? in
            let numbers = text.split(separator: " ").map { Double($0) }
            guard numbers.count == 2, let quota = numbers[0], let period = numbers[1], quota > 0, period > 0,
                quota / period < 1e6
            else { return nil }
            return Int(exactly: (quota / period).rounded(.up))
        }
        return max(1, min(bound(root), limits.min() ?? .max))
    }

    /// Processors that this process is bound to, from a list such as `0-3,8`; those of the machine where nothing is said.
    private static func bound(_ root: URL) -> Int {
        let status = (try? String(contentsOf: root.appending(path: "proc/self/status"), encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
        let count = (line?.split(separator: ":").last ?? "").split(separator: ",").reduce(0) { count, range in
            let ends = range.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
            guard let first = ends.first, let last = ends.last, (0...last).contains(first), last < 1 << 16 else {
                return count
            }
            return count + last - first + 1
        }
        return count > 0 ? count : ProcessInfo.processInfo.activeProcessorCount
    }
}
