import CallbacksFunction
import EnvironmentSettings
import FetchFunction
import Foundation
import FunctionClients
import FunctionHost
import HTTPServer
import Jobs
import LocalStack
import ModelStore
import ObjectStorage
import Observability
import Separation
import SeparateFunction
import ServiceClient
import StorageServer
import TestSupport
import Testing
import TraceExport
import UploadFunction
import WorkerLoop

/// What each program reads from its environment.
struct Readers {
    let groups: [any Configurable.Type]

    var rows: [SettingRow] { (groups + [LogSettings.self]).flatMap { $0.rows } }
    var names: Set<String> { Set(rows.map(\.name)) }

    /// By the words of README.
    static let programs = [
        "host": Readers(groups: [
            HostConfiguration.self, TLSFiles.self, KeySettings.self, SigningSettings.self, BucketSettings.self,
            S3Configuration.self,
            RedisSettings.self, QueueOptions.self, UploadSettings.self, SeparateSettings.self, FetchSettings.self,
            TraceSettings.self, CallbackSettings.self,
        ]),
        "worker": Readers(groups: WorkerProcess.settings),
        "storage": Readers(groups: [StorageSettings.self]),
        "setup": Readers(groups: [SetupSettings.self, S3Configuration.self, BucketSettings.self]),
        "autoscaler": Readers(groups: [RedisSettings.self, QueueOptions.self]),
        "keda-scaler": Readers(groups: [RedisSettings.self, QueueOptions.self, TLSFiles.self]),
        "CLI": Readers(groups: [
            ClientSettings.self, RedisSettings.self, EngineSettings.self, StoreSettings.self, KeySettings.self,
            S3Configuration.self,
        ]),
    ]

    /// The variables that the program of an image reads; nil for an image that is not ours.
    static func names(readBy image: String) -> Set<String>? {
        let programs =
            [
                "function-host": ["host"], "worker": ["worker"], "autoscaler": ["autoscaler"],
                "keda-scaler": ["keda-scaler"],
                "msaas": ["storage", "setup", "CLI"],
            ][image]
        return programs.map { Set($0.flatMap { Self.programs[$0]?.names ?? [] }) }
    }
}

/// README lists every variable that a program reads, with what may be written, its default and who reads it, and no other.
@Suite struct SettingTableTests {
    private struct Row {
        let name: String
        let rest: String
    }

    private func table() throws -> [Row] {
        let text = try Project.text(of: "README.md")
        return try text.matches(of: /(?m)^\| `([A-Z][A-Z0-9_]+)` \|(.*)\|$/).map { match in
            // The last cell is for people.
            let cells = match.2.split(separator: "|", omittingEmptySubsequences: false)
            try #require(cells.count >= 4, "\(match.1): a row has five cells")
            return Row(
                name: String(match.1), rest: cells[..<3].joined(separator: "|").trimmingCharacters(in: .whitespaces))
        }
    }

    /// The rows as the code declares them.
    private var declared: [String: String] {
        var rows: [String: SettingRow] = [:]
        var readers: [String: [String]] = [:]
        for (program, reader) in Readers.programs.sorted(by: { $0.key < $1.key }) {
            for row in Set(reader.rows) {
                #expect(rows[row.name].map { $0 == row } ?? true, "\(row.name) is declared in two ways: \(row)")
                rows[row.name] = row
                readers[row.name, default: []].append(program)
            }
        }
        return rows.mapValues { row in
            let usual = row.usual.isEmpty || row.usual.contains("`") || row.usual.contains(" ") || row.usual == "none"
            let shown = usual ? row.usual : "`\(row.usual)`"
            return "\(shown) | \(row.values) | \(readers[row.name, default: []].joined(separator: ", "))"
                .trimmingCharacters(in: .whitespaces)
        }
    }

    @Test func theTableIsTheCode() throws {
        let declared = declared
        let table = try table()
        for row in table {
            let expected = declared[row.name]
            #expect(
                row.rest == expected,
                "README: the row of \(row.name) should be | `\(row.name)` | \(expected ?? "gone") |")
        }
        let names = table.map(\.name)
        #expect(Set(names).count == names.count, "a variable has two rows")
        for (name, rest) in declared.sorted(by: { $0.key < $1.key }) where !names.contains(name) {
            Issue.record("README lacks | `\(name)` | \(rest) | … |")
        }
    }

    /// A variable that is read past its declaration would have no row, no range and no sentence.
    @Test func nothingIsReadPastItsDeclaration() throws {
        let declared = Set(declared.keys)
        for floor in ["Sources", "functions", "autoscaler"] {
            let files = try #require(FileManager.default.enumerator(atPath: Project.folder(floor).path))
            for case let file as String in files where file.hasSuffix(".swift") {
                let text = try Project.text(of: "\(floor)/\(file)")
                for match in text.matches(of: /"((?:MSAAS|REDIS|S3|WEBHOOK|WORKER|FUNCTION)_[A-Z0-9_]+|HOST|PORT)"/) {
                    #expect(declared.contains(String(match.1)), "\(file) names \(match.1), which no setting declares")
                }
                for match in text.matches(of: /environment\["([A-Z0-9_]+)"\](?! = )/)
                where declared.contains(String(match.1)) {
                    Issue.record("\(file) reads \(match.1) by itself, not through its setting")
                }
            }
        }
    }

    /// No row and no error shows what must not be seen.
    @Test func secretsAreKept() {
        let secrets = Readers.programs.values.flatMap(\.rows).filter(\.isSecret)
        #expect(
            Set(secrets.map(\.name)) == [
                "REDIS_URL", "S3_SECRET_KEY", "WEBHOOK_TOKEN", "MSAAS_API_KEYS", "MSAAS_API_KEY",
                "MSAAS_SIGNING_SECRET",
                "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
            ])
    }
}
