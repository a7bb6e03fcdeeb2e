import Foundation
import Policy

/// "15:04:05" of `time`, on a clock that is `offset` seconds ahead of UTC.
func timeOfDay(_ time: Date, offset: Int) -> String {
    let second = (Int(time.timeIntervalSince1970.rounded(.down)) + offset) % 86_400
    let parts = [second / 3600, second / 60 % 60, second % 60]
    return parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
}

/// "45 s", "2 min", "1 h 30 min": whole seconds, and no seconds beside minutes.
func span(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "?" }
    let whole = Int(min(max(seconds, 0), 1e9).rounded())
    if whole < 60 { return "\(whole) s" }
    return Duration.seconds(whole / 60 * 60).words
}

/// "412 MiB", "1.5 GiB".
func size(_ bytes: Int) -> String {
    let mebibytes = Double(bytes) / 1_048_576
    return mebibytes < 1000 ? "\(Int(mebibytes.rounded())) MiB" : "\(decimal(mebibytes / 1024, digits: 1)) GiB"
}

/// "1 worker", "2 workers".
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
