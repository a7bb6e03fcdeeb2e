import Foundation
import Separation
import TestSupport
import Testing

/// How many threads a process starts: what it is bound to, and what its control group gives it.
struct ProcessorTests {
    private let root: TemporaryDirectory

    init() throws { root = try TemporaryDirectory() }

    private func write(_ text: String, to path: String) throws {
        let url = root.url.appending(path: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    @Test(arguments: [
        ("0-3,8", "max 100000", 5), ("0-63", "150000 100000", 2), ("0-63", "400000 100000", 4), ("2", "max 100000", 1),
        ("0-63", "10000 100000", 1), ("0-1", "800000 100000", 2), ("0-7", "nonsense", 8), ("0-7", "-1 100000", 8),
    ])
    func theSmallerOfBoundAndQuotaCounts(list: String, quota: String, expected: Int) throws {
        try write("Name:\tmsaas\nCpus_allowed:\tff\nCpus_allowed_list:\t\(list)\n", to: "proc/self/status")
        try write("0::/pod/container\n", to: "proc/self/cgroup")
        try write("\(quota)\n", to: "sys/fs/cgroup/pod/cpu.max")
        try write("max 100000\n", to: "sys/fs/cgroup/pod/container/cpu.max")
        #expect(Processors.available(root: root.url) == expected)
    }

    @Test func theFirstVersionsQuotaCounts() throws {
        try write("Cpus_allowed_list:\t0-15\n", to: "proc/self/status")
        try write("4:cpu,cpuacct:/docker/1\n3:memory:/docker/1\n", to: "proc/self/cgroup")
        try write("250000\n", to: "sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        try write("100000\n", to: "sys/fs/cgroup/cpu/cpu.cfs_period_us")
        #expect(Processors.available(root: root.url) == 3)
        try write("-1\n", to: "sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        #expect(Processors.available(root: root.url) == 16)
    }

    @Test func whereNothingIsSaidThereIsOneAtLeast() { #expect(Processors.available(root: root.url) >= 1) }

    /// A process that is bound to one processor has one thread.
    @Test func aBoundProcessIsNoticed() async throws {
        let output = root.url.appending(path: "output").path
        let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "msaas").path
        let models = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens").path
        let process = try ChildProcess(
            [
                "/bin/sh", "-c", "exec taskset -c \"$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')\" \"$@\"", "sh",
                program, "benchmark", "--repo", models, "-n", "four", "--passes", "1",
            ], environment: ["MSAAS_THREADS": ""], output: output)
        let code = await process.wait()
        let text = try String(contentsOfFile: output, encoding: .utf8)
        #expect(code == 0 && text.contains(" 1 threads") || text.contains(" 1 thread,"), "\(text)")
    }
}
