import Foundation
import Testing

/// What the documents point at is there.
@Suite struct DocumentTests {
    private static let documents = [
        "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "Tests/README.md", "Tests/Fuzz/README.md",
        "Benchmarks/README.md", "k8s/README.md", "Sources/Foundations/README.md", "Sources/Engine/README.md",
        "Sources/Clients/README.md", "Sources/Service/README.md", "Sources/Programs/README.md",
    ]

    /// A promise whose test was renamed or has gone is one that nobody keeps.
    @Test func testsThatAreNamedExist() throws {
        var suites: Set<Substring> = []
        var tests: Set<Substring> = []
        let folder = packageFolder.appending(path: "Tests")
        let files = try #require(FileManager.default.enumerator(atPath: folder.path))
        for case let file as String in files where file.hasSuffix(".swift") {
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            suites.insert(file.prefix { $0 != "/" })
            suites.formUnion(text.matches(of: /(?:struct|class|enum|actor) (\w+Tests)\b/).map(\.1))
            tests.formUnion(text.matches(of: /func (\w+)/).map(\.1))
        }
        for document in Self.documents {
            let text = try String(contentsOf: packageFolder.appending(path: document), encoding: .utf8)
            for match in text.matches(of: /`(\w+Tests)((?:\.\w+)*)`/) {
                #expect(suites.contains(match.1), "\(document) names \(match.1)")
                for name in match.2.split(separator: ".") {
                    #expect(suites.contains(name) || tests.contains(name), "\(document) names \(match.1)\(match.2)")
                }
            }
        }
    }

    /// `OpenAPITests` hold the description's formats against the code's.
    @Test func theFormatsAreNamed() throws {
        func text(of path: String) throws -> String {
            try String(contentsOf: packageFolder.appending(path: path), encoding: .utf8)
        }
        let description = try text(of: "Sources/Foundations/COpenAPI/openapi.yaml")
        let list = try #require(description.firstMatch(of: /\n    StemFormat: .*enum: \[(.*?)\]/)).1
        let names = list.split(separator: ", ").map { "`\($0)`" }.joined(separator: ", ")
        let options = try text(of: "README.md").replacing("\n", with: " ")
        #expect(options.contains("`format` (\(names))"), "README's options of an upload lack `format` (\(names))")
    }

    /// Links within the repository lead to files.
    @Test func linksLeadSomewhere() throws {
        for document in Self.documents {
            let file = packageFolder.appending(path: document)
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /\]\(([^)#:\s]+)(?:#[^)]*)?\)/) {
                let target = file.deletingLastPathComponent().appending(path: String(match.1))
                #expect(FileManager.default.fileExists(atPath: target.path), "\(document) links to \(match.1)")
            }
        }
    }
}
