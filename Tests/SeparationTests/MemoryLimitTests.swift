import EnvironmentSettings
import Foundation
import Separation
import TestSupport
import Testing

/// Limits as people and control groups write them.
struct MemoryLimitTests {
    @Test(arguments: [
        ("629145600", 629_145_600), ("600M", 600_000_000), ("600Mi", 629_145_600), ("1.5G", 1_500_000_000),
        ("0.5Gi", 536_870_912), ("64K", 64_000), ("64Ki", 65_536), ("1", 1),
    ])
    func `amounts are read in the units of Kubernetes`(text: String, bytes: Int) throws {
        #expect(try MemoryLimit(text, source: "test").bytes == bytes)
    }

    @Test(arguments: ["", "M", "600XB", "600  M", "-5M", "0", "0.0001K", "1e9", "1.2.3M", "nan", "9999999999G", "٣M"])
    func `what is no amount is refused, naming where it stands`(text: String) {
        let sentence = sentence { _ = try MemoryLimit(text, source: "--memory-limit") }
        #expect(sentence?.hasPrefix("--memory-limit is “\(text)”; write a size such as 600M") == true)
    }

    @Test func `the environment comes before the control group, and can lift it`() throws {
        func limit(_ text: String) throws -> MemoryLimit? {
            try EngineSettings.reading(["MSAAS_MEMORY_LIMIT": text]).memoryLimit
        }
        #expect(try limit("1Gi")?.bytes == 1 << 30)
        #expect(try limit("none") == nil)
        #expect(throws: ConfigurationError.self) { try limit("lots") }
        #expect(try limit("") == MemoryLimit.ofControlGroup())
    }

    /// `proc` and `sys` with these files in them.
    private func limit(_ files: [String: String]) throws -> MemoryLimit? {
        let root = try TemporaryDirectory()
        for (path, text) in files {
            let url = root.url.appending(path: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data((text + "\n").utf8).write(to: url)
        }
        return MemoryLimit.ofControlGroup(root: root.url)
    }

    @Test func `version 2: the smallest limit along the path counts`() throws {
        let group = "0::/kubepods.slice/pod7/worker"
        let folder = "sys/fs/cgroup/kubepods.slice"
        let limit = try limit([
            "proc/self/cgroup": group, "sys/fs/cgroup/memory.max": "max", "\(folder)/memory.max": "8589934592",
            "\(folder)/pod7/memory.max": "536870912", "\(folder)/pod7/worker/memory.max": "max",
        ])
        #expect(limit == MemoryLimit(bytes: 536_870_912, source: "the control group's memory.max"))
    }

    @Test func `version 1: only the memory controller's path counts, and its very large number is no limit`() throws {
        let table = "5:cpu,cpuacct:/a\n4:memory:/docker/abc\n0::/"
        let folder = "sys/fs/cgroup/memory"
        var files = [
            "proc/self/cgroup": table, "\(folder)/memory.limit_in_bytes": "9223372036854771712",
            "\(folder)/a/memory.limit_in_bytes": "5",
            "\(folder)/docker/abc/memory.limit_in_bytes": "9223372036854771712",
        ]
        #expect(try limit(files) == nil)
        files["\(folder)/docker/abc/memory.limit_in_bytes"] = "629145600"
        #expect(
            try limit(files) == MemoryLimit(bytes: 629_145_600, source: "the control group's memory.limit_in_bytes"))
    }

    @Test(arguments: ["0::/", "0::/../../elsewhere", "0::/host/path/that/is/not/here", "4:memory:/docker/abc"])
    func `in a container the limit stands at the top, whatever the path says`(group: String) throws {
        let file = group.hasPrefix("0") ? "memory.max" : "memory/memory.limit_in_bytes"
        #expect(try limit(["proc/self/cgroup": group, "sys/fs/cgroup/\(file)": "1048576"])?.bytes == 1 << 20)
    }

    @Test func `without control groups there is no limit`() throws {
        #expect(try limit([:]) == nil)
        #expect(try limit(["proc/self/cgroup": "nonsense\n::\n0::/a"]) == nil)
    }
}
