import Foundation

/// How much memory a process may take, and who says so.
public struct MemoryLimit: Sendable, Equatable {
    /// The most resident bytes.
    public var bytes: Int
    /// Who says so, as the subject of a sentence, such as `--memory-limit`.
    public var source: String

    /// A limit that is known.
    public init(bytes: Int, source: String) {
        self.bytes = bytes
        self.source = source
    }

    /// A limit as a person writes it: `629145600`, `600M` (millions of bytes), `600Mi` (times 1024²), also `K`, `G`, `Ki`,
    /// `Gi`, with or without a decimal point: the units of Kubernetes.
    ///
    /// - Throws: ``SeparationError/invalidOption(_:)`` naming the source, the text and what is understood
    public init(_ text: String, source: String) throws {
        let units: [(String, Double)] = [
            ("Ki", 1024), ("Mi", 1_048_576), ("Gi", 1_073_741_824), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("", 1),
        ]
        let (unit, factor) = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        let number = text.dropLast(unit.count)
        guard let first = number.first, first.isASCII, first.isNumber, number.allSatisfy({ $0.isNumber || $0 == "." }),
            let value = Double(number), value * factor >= 1, value * factor < 0x1p60
        else {
            throw SeparationError.invalidOption(
                "\(source) is “\(text)”, which is no amount of memory; write bytes or a number with K, M, G, Ki, Mi or Gi, "
                    + "such as 600M.")
        }
        self.init(bytes: Int(value * factor), source: source)
    }

    /// The limit that this process runs under: `MSAAS_MEMORY_LIMIT`, whose value `none` lifts it, else the one of its
    /// control group; nil when there is none.
    ///
    /// - Throws: ``SeparationError/invalidOption(_:)`` when the variable holds no amount of memory
    public static func inForce(environment: [String: String]) throws -> MemoryLimit? {
        switch environment["MSAAS_MEMORY_LIMIT"] ?? "" {
        case "": ofControlGroup()
        case "none": nil
        case let text: try MemoryLimit(text, source: "MSAAS_MEMORY_LIMIT")
        }
    }

    /// The smallest limit of this process's control group (Linux, versions 1 and 2) and those above it, as containers set
    /// it; nil when none is set.
    ///
    /// - Parameter root: the folder that holds `proc` and `sys`
    public static func ofControlGroup(root: URL = URL(filePath: "/")) -> MemoryLimit? {
        let table = (try? String(contentsOf: root.appending(path: "proc/self/cgroup"), encoding: .utf8)) ?? ""
        return table.split(separator: "\n").flatMap { limits(ofEntry: $0, root: root) }.min { $0.bytes < $1.bytes }
    }

    /// The limits along the path of one line of `/proc/self/cgroup`: `number:controllers:path`.
    private static func limits(ofEntry line: Substring, root: URL) -> [MemoryLimit] {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return [] }
        let (mounts, file): ([String], String)
        if fields[1].isEmpty {
            (mounts, file) = (["sys/fs/cgroup", "sys/fs/cgroup/unified"], "memory.max")
        } else if fields[1].split(separator: ",").contains("memory") {
            (mounts, file) = (["sys/fs/cgroup/memory"], "memory.limit_in_bytes")
        } else {
            return []
        }
        // In a container the path may be the host's, of which only the last part, or nothing, is visible.
        let path = fields[2].split(separator: "/").filter { $0 != ".." }
        return mounts.flatMap { mount in
            (0...path.count).compactMap { depth -> MemoryLimit? in
                let place = ([mount] + path.prefix(depth).map(String.init) + [file]).joined(separator: "/")
                guard let text = try? String(contentsOf: root.appending(path: place), encoding: .utf8),
                    let bytes = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)), bytes > 0, bytes < 1 << 60
                else { return nil }
                return MemoryLimit(bytes: bytes, source: "the control group's \(file)")
            }
        }
    }
}
