import ArgumentParser
import Controller
import EnvironmentSettings
import Foundation
import Policy
import Simulator
import Terminal

/// `autoscaler simulate` with a trace of requests: the policy for functions, and each variation of its settings.
extension SimulateCommand {
    /// The trace, if it is one of requests.
    func requests() throws -> RequestTrace? {
        if let (name, text) = try text() {
            return RequestTrace.isRequests(text) ? try RequestTrace(name: name, text: text) : nil
        }
        return SampleRequests(rawValue: trace)?.make()
    }

    func play(_ requests: RequestTrace, _ conditions: Conditions) throws {
        guard !compare, svg == nil else {
            throw ValidationError(
                "A trace of requests has neither rivals nor a picture; leave --compare and --svg out.")
        }
        let service = try function.service()
        var settings = ConcurrencySettings()
        settings.maxReplicas = 100
        for assignment in assignments {
            let (name, value) = try split(assignment)
            try settings.set(name, to: value)
        }
        var reports = [try RequestSimulation.run(requests, ConcurrencyPolicy(settings), conditions, service)]
        for variation in vary {
            let (name, values) = try split(variation)
            for value in values.split(separator: ",", omittingEmptySubsequences: false) {
                var varied = settings
                try varied.set(name, to: String(value))
                reports.append(
                    try RequestSimulation.run(
                        requests, ConcurrencyPolicy(varied), conditions, service, name: "\(name)=\(value)"))
            }
        }
        guard !json else { return say(try encoded(reports)) }
        var text =
            "\(requests.name): \(Int(requests.requests)) requests in \(Duration.seconds(requests.span).words)\n\n"
        if log, let report = reports.first { text += Summary.actions(report.actions) + "\n" }
        say(text + "\(RequestTable(reports))".dropLast())
    }

    func encoded(_ reports: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(reports), as: UTF8.self)
    }
}

/// What the simulated function is like.
struct FunctionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long a request takes.", valueName: "time"))
    var requestTime = "50ms"

    @Option(help: ArgumentHelp("Requests that one pod is there for.", valueName: "count"))
    var podTarget = 16

    @Option(help: ArgumentHelp("Requests that one pod takes at once.", valueName: "count"))
    var podMost = 64

    func service() throws -> RequestSimulation.Service {
        guard let time = Form.timeOrSeconds.read(requestTime) else {
            throw ValidationError(
                "--request-time is \"\(requestTime)\", but it must be a length of time, such as 50ms.")
        }
        var service = RequestSimulation.Service()
        (service.requestTime, service.target, service.most) = (time.seconds, podTarget, podMost)
        return service
    }
}
