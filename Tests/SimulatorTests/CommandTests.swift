import Foundation
import Simulator
import TestSupport
import Testing

/// The command line as users run it.
@Suite struct CommandTests {
    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    @Test func aBadLineEndsWithASentence() throws {
        let file = folder.url.appending(path: "trace.csv")
        try Data("0,200\n7,long\n".utf8).write(to: file)
        let result = try run("simulate", file.path)
        #expect(result.status != 0)
        #expect(result.errors == "Error: trace.csv, line 2: The length \"long\" is not a number of seconds.\n")
        #expect(result.output.isEmpty)
    }

    @Test(arguments: [
        (["simulate", "nowhere.csv"], "There is no file nowhere.csv, and no sample of that name"),
        (["simulate", "bursty", "--set", "max-replicas=0"], "max-replicas is 0, but it must be 1 or more."),
        (["simulate", "bursty", "--set", "max-replicas"], "\"max-replicas\" sets nothing; write name=value"),
        (["simulate", "bursty", "--vary", "target-wait=30,x"], "target-wait is “x”; write a time such as"),
        (["simulate", "bursty", "--pod-start", "x"], "--pod-start is \"x\", but it must be a length of time"),
        (["simulate", "bursty", "--real-time-factor", "0"], "The real-time factor is 0.0, but it must be from"),
        (["simulate", "bursty", "--memory", "100"], "The memory is"),
        (["simulate", "flood", "--compare"], "A trace of requests has neither rivals nor a picture"),
        (["simulate", "flood", "--set", "target-wait=1"], "There is no setting “target-wait”."),
        (["simulate", "flood", "--request-time", "x"], "--request-time is \"x\", but it must be a length of time"),
        (["simulate", "bursty", "--svg", "/nowhere/a.svg"], "The picture cannot be written to /nowhere/a.svg"),
    ])
    func whatCannotBeIsSaid(arguments: [String], sentence: String) throws {
        let result = try run(arguments)
        #expect(result.status != 0)
        #expect(result.errors.hasPrefix("Error: \(sentence)"), "\(result.errors)")
    }

    @Test func comparisonTableAndPicture() throws {
        let picture = folder.url.appending(path: "bursty.svg")
        let result = try run("simulate", "bursty", "--compare", "--vary", "target-wait=30", "--svg", picture.path)
        #expect(result.status == 0, "\(result.errors)")
        for row in [
            "msaas ", "target-wait=30 ", "keda ", "keda-tuned-30s ", "keda-tuned-60s ", "keda-tuned-300s ",
            "scaled-job ",
            "hpa-cpu ", "hpa-external ", "knative ", "clairvoyant ",
        ] {
            #expect(result.output.contains("\n\(row)"))
        }
        #expect(result.output.contains("times real time."))
        #expect(try String(contentsOf: picture, encoding: .utf8).hasSuffix("</svg>\n"))
    }

    @Test func requestsArePlayedAgainstThePolicyForFunctions() throws {
        let file = folder.url.appending(path: "requests.csv")
        try Data("at,requests\n0,10\n60,2000\n80,0\n300,0\n".utf8).write(to: file)
        let result = try run("simulate", file.path, "--vary", "stable-window=30,120", "--log")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.hasPrefix("requests.csv: 40600 requests in 5 min\n"))
        #expect(result.output.contains("burst: "))
        for row in ["msaas ", "stable-window=30 ", "stable-window=120 "] { #expect(result.output.contains("\n\(row)")) }
    }

    @Test func aPrintedSampleCanBePlayed() throws {
        let printed = try run("trace", "steady")
        let file = folder.url.appending(path: "steady.csv")
        try Data(printed.output.utf8).write(to: file)
        let result = try run("simulate", file.path, "--json")
        let reports = try JSONDecoder().decode([SimulationReport].self, from: Data(result.output.utf8))
        #expect(reports.map(\.done) == [600])
    }

    @Test func theLogSaysWhy() throws {
        let result = try run("simulate", "bursty", "--log")
        #expect(
            result.output.contains(
                "  0 → 1  1 waiting and 0 in flight, 1 a worker: 1 worker; from zero: a job has come"))
    }

    private func run(_ arguments: String...) throws -> (status: Int32, output: String, errors: String) {
        try run(arguments)
    }

    /// Runs the executable that was built beside the tests.
    private func run(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appending(path: "autoscaler")
        process.arguments = arguments
        let (output, errors) = (folder.url.appending(path: "output"), folder.url.appending(path: "errors"))
        for file in [output, errors] { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        process.waitUntilExit()
        return try (
            process.terminationStatus, String(contentsOf: output, encoding: .utf8),
            String(contentsOf: errors, encoding: .utf8)
        )
    }
}
