import Foundation

/// The line of a terminal that says what is going on, overwritten as it changes; without a terminal, one line for each
/// change of what matters.
actor StatusLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var shown = ""

    /// Shows `text` in place of what was shown before.
    func show(_ text: String) {
        guard text != shown else { return }
        shown = text
        if isTerminal { write("\r\u{1B}[K" + text) }
    }

    /// Takes the line away.
    func clear() {
        if isTerminal, !shown.isEmpty { write("\r\u{1B}[K") }
        shown = ""
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// A share as a bar of text.
enum ProgressMeter {
    /// For example ` 50 % █████·····`.
    static func bar(_ share: Double, width: Int = 30) -> String {
        let share = min(1, max(0, share))
        let filled = Int(share * Double(width))
        return String(format: "%3.0f %% ", share * 100) + String(repeating: "█", count: filled)
            + String(repeating: "·", count: width - filled)
    }
}
