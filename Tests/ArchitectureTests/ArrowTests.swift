import Foundation
import Testing

/// The floors of ARCHITECTURE.md: arrows point down, and the manifest declares what the sources import.
@Suite struct ArrowTests {
    @Test func noArrowPointsUp() throws {
        for (target, arrow) in try package().arrows {
            #expect(
                arrow.floor <= target.floor, "\(target.name) on \(target.floor) imports \(arrow.name) on \(arrow.floor)"
            )
        }
    }

    /// The engine knows no network, a client knows no other client but the transport, and the policy knows nothing.
    @Test func roomsThatMustNotKnowEachOtherDoNot() throws {
        let package = try package()
        for (target, arrow) in package.arrows where target.floor == .clients && arrow.floor == .clients {
            #expect(arrow.name == "HTTPTransport", "the client \(target.name) imports the client \(arrow.name)")
        }
        #expect(package.targets.first { $0.name == "Policy" }?.declared == [])
        for (target, arrow) in package.arrows where target.path.hasPrefix("functions/") {
            let isItsOwn = arrow.path.hasPrefix(target.path + "/")
            #expect(
                isItsOwn || !arrow.path.hasPrefix("functions/"), "the function \(target.name) imports \(arrow.name)")
        }
    }

    /// Whoever serves requests reads and writes audio, and has no model in it.
    @Test func theFunctionsHaveNoEngineInThemButItsAudio() throws {
        let package = try package()
        let byName = Dictionary(uniqueKeysWithValues: package.targets.map { ($0.name, $0) })
        var reached: Set<String> = []
        var open = ["function-host"]
        while let name = open.popLast() {
            guard let target = byName[name], reached.insert(name).inserted else { continue }
            open += target.declared
        }
        #expect(reached.contains("FetchFunction"))
        #expect(reached.filter { byName[$0]?.floor == .engine } == ["Audio"])
    }

    @Test func whatIsImportedIsDeclaredAndTheOtherWayRound() throws {
        let package = try package()
        let own = Set(package.targets.map(\.name))
        let programs = Set(package.targets.filter { $0.kind == "executable" }.map(\.name))
        for target in package.targets {
            guard let imports = try target.imports() else { continue }
            for name in imports.subtracting(target.declared).subtracting(Self.shipped) where name != target.name {
                Issue.record("\(target.name) imports \(name), which Package.swift does not declare for it")
            }
            // Tests start programs that they depend on, without importing them.
            for name in target.declared.subtracting(imports) where !(own.contains(name) && programs.contains(name)) {
                Issue.record("Package.swift declares \(name) for \(target.name), where nobody imports it")
            }
        }
    }

    /// A suite that neither `make test` nor `make test-keda` names would never run.
    @Test func everySuiteIsRun() throws {
        let makefile = try String(contentsOf: packageFolder.appending(path: "Makefile"), encoding: .utf8)
        let lists = makefile.matches(of: /(?:TEST|KEDA)_SUITES *:=((?:.*\\\n)*.*)/).map(\.output.1)
        let named = Set(lists.flatMap { $0.split { $0.isWhitespace || $0 == "\\" } }.map(String.init))
        #expect(named == Set(try package().targets.filter { $0.kind == "test" }.map(\.name)))
    }

    /// Modules of the toolchain.
    private static let shipped: Set = [
        "Foundation", "FoundationXML", "FoundationNetworking", "Synchronization", "Dispatch", "Glibc", "Testing",
    ]
}

/// The floors, from the ground up.
enum Floor: Int, Comparable {
    case foundations, engine, clients, service, programs, tests

    static func < (left: Floor, right: Floor) -> Bool { left.rawValue < right.rawValue }

    init?(path: String) {
        let places: [(String, Floor)] = [
            ("Sources/Foundations/", .foundations), ("Sources/Engine/", .engine), ("Sources/Clients/", .clients),
            ("Sources/Service/", .service), ("functions/", .service), ("autoscaler/autoscaler", .programs),
            ("autoscaler/keda-scaler", .programs), ("autoscaler/", .service), ("Sources/Programs/", .programs),
            ("Examples/", .programs), ("Tests/", .tests),
        ]
        guard let place = places.first(where: { path.hasPrefix($0.0) }) else { return nil }
        self = place.1
    }
}

/// One target as `swift package dump-package` tells of it.
struct Room {
    let name: String
    let kind: String
    let path: String
    let floor: Floor
    /// Targets and products that it may import.
    let declared: Set<String>

    func files() -> [URL] {
        let root = packageFolder.appending(path: path)
        let found = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        return found?.compactMap { $0 as? URL } ?? []
    }

    /// The modules that its Swift sources name; nil where it has none.
    func imports() throws -> Set<String>? {
        let pattern =
            /^(?:@\w+(?:\([^)]*\))? )*(?:(?:public|package|internal|private|fileprivate) )?import (?:(?:struct|class|enum|func|protocol|typealias|var|let) )?(\w+)/
        let sources = files().filter { $0.pathExtension == "swift" }
        guard !sources.isEmpty else { return nil }
        return try Set(
            sources.flatMap { file in
                // Texts in other languages inside of a source are indented.
                try String(contentsOf: file, encoding: .utf8).split(separator: "\n").compactMap { line in
                    line.prefixMatch(of: pattern).map { String($0.output.1) }
                }
            })
    }
}

let packageFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

struct Package {
    let targets: [Room]

    /// Every declared dependency between two targets.
    var arrows: [(Room, Room)] {
        let byName = Dictionary(uniqueKeysWithValues: targets.map { ($0.name, $0) })
        return targets.flatMap { target in target.declared.compactMap { byName[$0] }.map { (target, $0) } }
    }
}

/// Everything that there is to build, with what only KEDA needs.
func package() throws -> Package {
    let usual = try rooms([:])
    let names = Set(usual.map(\.name))
    return Package(targets: try usual + rooms(["MSAAS_KEDA": "1"]).filter { !names.contains($0.name) })
}

/// The targets of `Package.swift` under some environment variables.
func rooms(_ variables: [String: String]) throws -> [Room] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    // Another process of the package manager runs these tests and holds the lock.
    process.arguments = ["swift", "package", "--ignore-lock", "dump-package"]
    process.currentDirectoryURL = packageFolder
    process.environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    struct Dump: Decodable {
        struct Target: Decodable {
            /// `byName`, `product` or `target`, then the name first in a list.
            struct Dependency: Decodable {
                let name: String?

                init(from decoder: any Decoder) throws {
                    struct Key: CodingKey {
                        let stringValue: String
                        var intValue: Int? { nil }
                        init(stringValue: String) { self.stringValue = stringValue }
                        init?(intValue: Int) { nil }
                    }
                    let container = try decoder.container(keyedBy: Key.self)
                    var list = try container.allKeys.first.map { try container.nestedUnkeyedContainer(forKey: $0) }
                    name = try list?.decode(String.self)
                }
            }
            let name: String
            let type: String
            let path: String?
            let dependencies: [Dependency]
        }
        let targets: [Target]
    }
    let dump = try JSONDecoder().decode(Dump.self, from: data)
    return try dump.targets.map { target in
        let path = target.path ?? "Tests/\(target.name)"
        return Room(
            name: target.name, kind: target.type, path: path,
            floor: try #require(Floor(path: path), "\(target.name) lies on no floor: \(path)"),
            declared: Set(target.dependencies.compactMap(\.name)))
    }
}
