extension Duration {
    /// In seconds.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }

    /// For reading: "0.5 s", "45 s", "2 min 5 s", "1 h 30 min".
    package var words: String {
        let whole = Int(seconds.rounded())
        if seconds < 10, seconds > -10 {
            return "\(decimal(seconds, digits: 1)) s"
        }
        if whole < 60 { return "\(whole) s" }
        let (large, small, units) =
            whole < 3600 ? (whole / 60, whole % 60, ("min", "s")) : (whole / 3600, whole % 3600 / 60, ("h", "min"))
        return small == 0 ? "\(large) \(units.0)" : "\(large) \(units.0) \(small) \(units.1)"
    }
}

/// `value` rounded to `digits` decimals, without a trailing ".0".
package func decimal(_ value: Double, digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let rounded = (value * scale).rounded() / scale
    return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
}

/// "1 worker", "2 workers", "no worker".
func counted(_ count: Int, _ noun: String) -> String {
    switch count {
    case 0: "no \(noun)"
    case 1: "1 \(noun)"
    default: "\(count) \(noun)s"
    }
}
