import Foundation
import LocalStack
import ServiceContract
import TestSupport
import Testing

/// What `msaas up` opens, keeps and leaves.
@Suite(.serialized) struct OneMachineTests {
    private let folder: TemporaryDirectory
    private var data: URL { folder.url.appending(path: "data") }

    init() throws { folder = try TemporaryDirectory() }

    private func up(_ arguments: [String] = [], environment: [String: String] = [:]) throws -> ChildProcess {
        try ChildProcess(
            [Places.products.appending(path: "msaas").path, "up", "--data", data.path, "--workers", "0"] + arguments,
            environment: environment)
    }

    private func running(_ process: ChildProcess) async throws -> StackAddress {
        let address = try await eventually("the service is up") { () -> StackAddress? in
            let address = try? StackAddress.read(from: data)
            return address?.processID == process.processIdentifier ? address : nil
        }
        return address
    }

    /// The addresses on which somebody listens at a port, as `/proc/net/tcp` writes them.
    private func listeners(_ url: String) throws -> Set<String> {
        let port = String(format: "%04X", try #require(URL(string: url)?.port))
        var found: Set<String> = []
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            // Such a file says that it is empty, and comes in pieces.
            let text = try FileHandle(forReadingFrom: URL(filePath: table)).readToEnd() ?? Data()
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 3, fields[3] == "0A", fields[1].hasSuffix(":\(port)") else { continue }
                found.insert(String(fields[1].dropLast(5)))
            }
        }
        return found
    }

    @Test func theHostOptionOpensTheFunctionsOnly() async throws {
        let service = try up(["--host", "0.0.0.0"], environment: ["MSAAS_OPEN": "1"])
        let address = try await running(service)
        #expect(address.http.hasPrefix("http://127.0.0.1:"))
        #expect(try listeners(address.http) == ["00000000"])
        #expect(try listeners(address.storage) == ["0100007F"])
        #expect(try listeners(address.redis) == ["0100007F"])
        let exports = try await Program.run([
            Places.products.appending(path: "msaas").path, "env", "--data", data.path,
        ])
        #expect(exports.contains("export AWS_DEFAULT_REGION='eu-central-1'"))
        #expect(try await Program.run(["redis-cli", "-u", address.redis, "ping"]).contains("PONG"))
        // The same folder again, while it is in use.
        #expect(try await up().wait() == 1)
        service.signal(SIGTERM)
        #expect(await service.wait() == 0)
        #expect(throws: StackError.self) { try StackAddress.read(from: data) }
    }

    /// The exports of `msaas env` as a user would use them, with clients that presign by default.
    @Test func theExportsServeOtherClients() async throws {
        let service = try up()
        _ = try await running(service)
        let script = #"""
            set -e
            eval "$("$0" env --data "$1")"
            redis-cli --no-auth-warning -u "$REDIS_URL" ping
            printf music > "$1/song"
            aws s3 cp --quiet "$1/song" s3://output/presigned.txt
            curl -sSf "$(aws s3 presign s3://output/presigned.txt)"
            curl -sSf "$(python3 -c 'import boto3
            print(boto3.client("s3").generate_presigned_url("get_object", Params={"Bucket": "output", "Key": "presigned.txt"}))')"
            python3 -c 'import boto3, json
            print(json.dumps(boto3.client("s3").generate_presigned_post("queue", "form.mp3")))' > "$1/post"
            curl -sS -F "key=form.mp3" -F "file=@$1/song" "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["url"])' < "$1/post")"
            """#
        let msaas = Places.products.appending(path: "msaas").path
        let text = try await Program.run(["/bin/sh", "-c", script, msaas, data.path])
        #expect(text.hasPrefix("PONG\nmusicmusic"), "\(text)")
        #expect(text.contains("NotImplemented") && text.contains("presigned PUT"), "\(text)")
        service.signal(SIGTERM)
        #expect(await service.wait() == 0)
    }

    /// After a kill the note and the children are still there for a moment; a process id tells nothing.
    @Test func aKilledServiceStartsAgainAtOnce() async throws {
        let first = try up(["--host", "localhost"])
        let before = try await running(first)
        first.signal(SIGKILL)
        _ = await first.wait()
        #expect(throws: StackError.self) { try StackAddress.read(from: data) }
        let second = try up()
        let after = try await running(second)
        #expect(after.processID != before.processID)
        #expect(try await Program.run(["redis-cli", "-u", after.redis, "ping"]).contains("PONG"))
        second.signal(SIGTERM)
        #expect(await second.wait() == 0)
    }

    @Test(arguments: [
        (["--host", "no.such.host.invalid"], "which is no address"),
        (["--storage-host", "192.0.2.1"], "no address of this machine"),
    ])
    func anAddressThatIsNoneIsCalledSo(arguments: [String], words: String) async throws {
        let errors = folder.path + "/errors"
        let process = try ChildProcess(
            [
                "/bin/sh", "-c", "exec \"$@\" 2>\"$ERRORS\"", "sh", Places.products.appending(path: "msaas").path, "up",
                "--data", data.path,
            ] + arguments, environment: ["ERRORS": errors])
        #expect(await process.wait() != 0)
        #expect(try String(contentsOfFile: errors, encoding: .utf8).contains(words))
    }

    @Test func aServiceWithoutModelsDoesNotStart() async throws {
        #expect(try await up(environment: ["MSAAS_MODELS": folder.path, "XDG_CACHE_HOME": folder.path]).wait() == 1)
        #expect(!FileManager.default.fileExists(atPath: data.path))
    }

    @Test func songsAndLogsDoNotPileUp() async throws {
        try await RunningStack.run(change: { $0.logBytes = 500 }) { stack in
            let rules = try await stack.run(["aws", "s3api", "get-bucket-lifecycle-configuration", "--bucket", "queue"])
            #expect(rules.contains("\"Days\": 7"))
            let copy = stack.directory.appending(path: "logs/host.log.1")
            _ = try await eventually("the log is cut off") { () -> Bool? in
                for _ in 0..<20 { _ = try await stack.request("GET", "/nothing") }
                return FileManager.default.fileExists(atPath: copy.path) ? true : nil
            }
            #expect(try String(contentsOf: copy, encoding: .utf8).contains("\n"))
        }
    }

    /// A crash leaves the place where it was, and neither registers nor memory, which may hold songs and keys.
    @Test func aCrashLeavesAShortTrace() async throws {
        try await RunningStack.run { stack in
            let worker = try await eventually("a worker") { stack.processes(with: "WORKER_ID=worker-1").first }
            let log = stack.directory.appending(path: "logs/worker-1.log")
            // Before that, the runtime that writes the trace may not be there yet.
            _ = try await eventually("it works") {
                try String(contentsOf: log, encoding: .utf8).contains("worker started") ? true : nil
            }
            kill(worker, SIGSEGV)
            let text = try await eventually("the trace") { () -> String? in
                let text = try String(contentsOf: log, encoding: .utf8)
                return text.contains("Backtrace took") ? text : nil
            }
            #expect(text.contains("crashed"))
            for word in ["Registers", "rax", "rip 0x", "Images ("] { #expect(!text.contains(word), "\(word)") }
        }
    }

    @Test func theVersionIsKnown() async throws {
        let version = try await Program.run([Places.products.appending(path: "msaas").path, "--version"])
        #expect(version.contains(serviceVersion))
    }

    @Test func aSecondKeyOfANameIsWarnedOf() async throws {
        let msaas = Places.products.appending(path: "msaas").path
        let file = folder.path + "/keys.yaml"
        let errors = folder.path + "/errors"
        for _ in 0..<2 {
            _ = try await Program.run(
                ["/bin/sh", "-c", "\"$0\" key studio >> \"$1\" 2> \"$2\"", msaas, file, errors])
        }
        #expect(try String(contentsOfFile: errors, encoding: .utf8).contains("has a key of the name studio already"))
        #expect(try String(contentsOfFile: file, encoding: .utf8).components(separatedBy: "name: ").count == 3)
        let usage = await #expect(throws: (any Error).self) {
            try await Program.run([msaas, "key", "studio", "--rate", "fast"])
        }
        #expect("\(usage.map { "\($0)" } ?? "")".contains("msaas key"))
    }
}
