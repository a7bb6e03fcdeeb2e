import Foundation
import HTTPTransport
import Policy

/// Asks a function's pods what they have in flight.
///
/// Each pod shows, for each function that it serves, the sum over time of its requests in flight; two looks give the exact
/// mean between them. How many requests a pod is there for stands beside it, from the `function.yaml` that it serves. A pod
/// that serves several functions is used by all of them: its load is the sum of the shares.
struct LoadReader {
    /// How long a pod may take to answer.
    private static let patience = Duration.milliseconds(900)
    /// So many are asked at the same time.
    private static let most = 32
    /// The longest answer.
    private static let limit = 4 << 20

    /// How many requests a pod is there for; 0: what the pods themselves say.
    let perPod: Int
    var transport: any HTTPTransport = CurlTransport()
    private var last: [String: PodMetrics] = [:]

    init(perPod: Int) { self.perPod = perPod }

    /// Asks all pods that are ready.
    mutating func read(_ members: [FleetMember]) async -> Reading<Load> {
        let ready = members.filter { $0.phase == .ready }
        let answers = await ask(ready)
        let before = last
        last = answers
        guard !ready.isEmpty else { return .known(Load(inFlight: 0, pods: 0, answering: 0)) }
        guard !answers.isEmpty else {
            return .unknown("none of \(ready.count) ready pods shows its metrics")
        }
        var load = Load(inFlight: 0, pods: 0, answering: answers.count, silent: ready.count - answers.count)
        for (pod, metrics) in answers {
            let (inFlight, share) = metrics.mean(since: before[pod], perPod: perPod)
            load.byPod[pod] = inFlight
            load.inFlight += inFlight
            load.pods += share
        }
        let scale = Double(ready.count) / Double(answers.count)
        load.inFlight *= scale
        load.pods *= scale
        return .known(load)
    }

    private func ask(_ pods: [FleetMember]) async -> [String: PodMetrics] {
        await withTaskGroup(of: (String, PodMetrics?).self) { group in
            var answers: [String: PodMetrics] = [:]
            var rest = pods[...]
            func next() {
                guard let pod = rest.popFirst() else { return }
                group.addTask { [transport] in (pod.id, await Self.ask(pod, transport)) }
            }
            for _ in 0..<Self.most { next() }
            for await (pod, metrics) in group {
                answers[pod] = metrics
                next()
            }
            return answers
        }
    }

    private static func ask(_ pod: FleetMember, _ transport: any HTTPTransport) async -> PodMetrics? {
        guard let address = pod.metrics else { return nil }
        let request = HTTPRequest(
            method: "GET", url: address, headers: ["User-Agent": "msaas-autoscaler"],
            timeouts: HTTPTimeouts(connect: patience, total: patience))
        guard let response = try? await transport.send(request), response.status == 200,
            let body = try? await response.body.collect(limit: limit)
        else { return nil }
        return PodMetrics(String(decoding: body, as: UTF8.self), at: .now)
    }
}

/// What a pod says of its functions at a moment.
package struct PodMetrics: Sendable {
    private struct Function: Sendable {
        var inFlight = 0.0
        var seconds: Double?
        var target: Double?
    }

    private var functions: [String: Function] = [:]
    private let at: ContinuousClock.Instant

    /// Reads Prometheus' text format; `nil` where it says nothing of a function.
    package init?(_ text: String, at: ContinuousClock.Instant) {
        self.at = at
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let match = line.wholeMatch(of: /(\w+)\{function="([^"]*)"\} (\S+)/), let value = Double(match.3),
                value.isFinite, value >= 0
            else { continue }
            switch match.1 {
            case "http_requests_in_flight": functions[String(match.2), default: Function()].inFlight = value
            case "http_requests_in_flight_seconds_total":
                functions[String(match.2), default: Function()].seconds = value
            case "function_target_concurrency": functions[String(match.2), default: Function()].target = value
            default: break
            }
        }
        // What the host answers itself is no function, and has no target.
        functions = functions.filter { $0.value.target.map { $0 > 0 } ?? false }
        if functions.isEmpty { return nil }
    }

    /// The mean number of requests in flight since an earlier look, and the share of a pod that they take. Without one, or
    /// when the pod has begun anew since, those at the moment.
    package func mean(since earlier: PodMetrics?, perPod: Int) -> (inFlight: Double, share: Double) {
        var (all, share) = (0.0, 0.0)
        for (name, function) in functions {
            var inFlight = function.inFlight
            if let earlier, let seconds = function.seconds {
                let before = earlier.functions[name]?.seconds ?? 0
                let time = (at - earlier.at) / .seconds(1)
                if time > 0.05, seconds >= before { inFlight = (seconds - before) / time }
            }
            all += inFlight
            share += inFlight / (perPod > 0 ? Double(perPod) : function.target ?? 1)
        }
        return (all, share)
    }
}
