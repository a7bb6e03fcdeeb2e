import Foundation

/// The process's own numbers, read from `/proc/self` when they are asked for.
struct ProcessMetrics: Sendable {
    private let start = Date().timeIntervalSince1970

    func text() -> String {
        var writer = PrometheusText()
        writer.header("process_start_time_seconds", kind: .gauge, help: "When the process started, in Unix time.")
        writer.value("process_start_time_seconds", labels: [], start.rounded())
        if let pages = Self.residentPages() {
            writer.header("process_resident_memory_bytes", kind: .gauge, help: "Resident memory.")
            writer.value("process_resident_memory_bytes", labels: [], Double(pages * sysconf(Int32(_SC_PAGESIZE))))
        }
        if let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
            writer.header("process_open_fds", kind: .gauge, help: "Open files and sockets.")
            writer.value("process_open_fds", labels: [], Double(files))
        }
        return writer.text
    }

    private static func residentPages() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let fields = text.split(separator: " ")
        return fields.count > 1 ? Int(fields[1]) : nil
    }
}
