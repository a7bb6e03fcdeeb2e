import Policy
import Simulator

/// What `simulate` prints.
struct Summary: CustomStringConvertible {
    let trace: Trace
    let reports: [Report]
    let elapsed: Duration
    let width: Int
    let log: Bool

    var description: String {
        var text = "\(trace.name): \(trace.arrivals.count) jobs with \(Duration.seconds(trace.audio).words) of audio"
        text += " in \(Duration.seconds(trace.span).words)\n\n"
        if log, let report = reports.first { text += actions(report) + "\n" }
        text += "\(ReportTable(reports))\n"
        let plot = TerminalPlot(width: width)
        if reports.count == 1, let report = reports.first {
            text += plot.panels(report)
        } else {
            text += plot.comparison(reports)
        }
        let simulated = reports.reduce(0) { $0 + $1.span }
        let factor = Int(simulated / max(elapsed.seconds, 1e-6))
        text += "\nSimulated \(Duration.seconds(simulated).words) in \(decimal(elapsed.seconds, digits: 2)) s:"
        return text + " \(factor) times real time."
    }

    private func actions(_ report: Report) -> String {
        report.actions.map { action in
            let second = Int(action.at)
            let time = [second / 3600, second / 60 % 60, second % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
            return "\(time.joined(separator: ":"))  \(action.from) → \(action.to)  \(action.why)\n"
        }.joined()
    }
}
