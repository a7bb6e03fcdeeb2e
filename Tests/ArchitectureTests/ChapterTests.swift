import Foundation
import Testing

/// A file is a chapter, and a name stands for one thing.
@Suite struct ChapterTests {
    @Test func noFileIsLongerThanAChapter() throws {
        for (target, file) in try sources() {
            let lines = try lineCount(of: file)
            #expect(lines <= 400, "\(file.lastPathComponent) of \(target.name) has \(lines) lines")
        }
    }

    /// Files under 40 lines, and why they are not part of another one. What is not here belongs into the chapter that uses it.
    private static let short = [
        "Examples/separate/main.swift": "the engine in ten lines",
        "Sources/Engine/Audio/Reading/MediaFormats.swift": "the lists of what is let in",
        "Sources/Foundations/ProcessUsage/ProcessUsage.swift": "the room's only file",
        "Sources/Foundations/ServiceContract/Sharing.swift": "what a session and a link are, for all",
        "Sources/Foundations/ServiceContract/SongBudget.swift": "what a key may take, for host, queue and worker",
        "Sources/Foundations/ServiceContract/Version.swift": "what a release changes",
        "Sources/Foundations/Untrusted/Untrusted.swift": "the room's only file",
        "Sources/Programs/msaas/Msaas.swift": "a main",
        "autoscaler/Policy/Duration+Text.swift": "for every sentence of the policy and the simulator",
        "autoscaler/autoscaler/AutoscalerCommand.swift": "a main",
    ]

    @Test func noFileIsADetour() throws {
        for (target, file) in try sources() where target.floor != .tests {
            let path = file.path.replacing(packageFolder.path + "/", with: "")
            // A function has its folder, however little it does.
            let isFunction = file.lastPathComponent == "\(target.name).swift" && target.path.hasPrefix("functions/")
            guard try lineCount(of: file) < 40, !isFunction else { continue }
            #expect(Self.short[path] != nil, "\(path) has under 40 lines; put it where it is used, or its reason here")
        }
    }

    /// Whoever reads a name knows which of two things it is.
    @Test func noNameStandsForTwoThings() throws {
        let declaration =
            /^(?:(?:package|public|internal|final|indirect) |@\w+(?:\([^)]*\))? )*(?:struct|class|enum|actor|protocol|typealias) (\w+)/
        var places: [String: Set<String>] = [:]
        for (target, file) in try sources() where target.floor != .tests {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                if let name = line.prefixMatch(of: declaration)?.output.1 {
                    places[String(name), default: []].insert(target.name)
                }
            }
        }
        for (name, rooms) in places where rooms.count > 1 {
            Issue.record("\(name) is declared in \(rooms.sorted().joined(separator: " and "))")
        }
    }

    private func sources() throws -> [(Room, URL)] {
        try package().targets.flatMap { target in
            target.files().filter { $0.pathExtension == "swift" }.map { (target, $0) }
        }
    }

    private func lineCount(of file: URL) throws -> Int {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false).count - 1
    }
}
