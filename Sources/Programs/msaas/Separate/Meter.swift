import Foundation
import ModelStore
import Synchronization

/// Progress on standard error: a bar that moves on a terminal, and a line now and then otherwise.
struct Meter {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let clock = ContinuousClock()
    private let begin: ContinuousClock.Instant
    private var lastLine: ContinuousClock.Instant
    private var isDrawn = false

    /// The meter's time starts now.
    init() {
        begin = clock.now
        lastLine = begin
    }

    /// Shows how far a track is.
    ///
    /// - Parameters:
    ///   - fraction: the finished part.
    ///   - duration: seconds of audio in the whole track, once known.
    mutating func show(_ fraction: Double, duration: Double?) {
        let elapsed = (clock.now - begin) / .seconds(1)
        var text = fraction == 0 ? "reading the track" : ""
        if fraction > 0, elapsed > 0, let duration {
            let speed = String(format: "%.1f", duration * fraction / elapsed)
            text = "\(speed) × real time, \(time(elapsed * (1 - fraction) / fraction)) left"
        }
        show(fraction, text)
    }

    /// Shows a bar with a text behind it.
    mutating func show(_ fraction: Double, _ text: String) {
        let percent = "\(Int(fraction * 100))".padding(3)
        if isTerminal {
            let width = 30
            let filled = Int(fraction * Double(width))
            let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
            write("\r\u{1b}[K\(percent) % \(bar) \(text)")
            isDrawn = true
        } else if clock.now - lastLine >= .seconds(10) {
            lastLine = clock.now
            write("\(percent) %, \(text)\n")
        }
    }

    /// Takes the bar away.
    mutating func clear() {
        if isDrawn { write("\r\u{1b}[K") }
        isDrawn = false
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// The progress of a download, told from any thread.
final class DownloadMeter: Sendable {
    private let meter = Mutex(Meter())

    func show(_ progress: DownloadProgress) {
        let total = progress.totalBytes ?? 0
        let fraction = total > 0 ? Double(progress.receivedBytes) / Double(total) : 0
        let part = progress.fileCount > 1 ? " \(progress.fileIndex + 1)/\(progress.fileCount)" : ""
        let text =
            "downloading \(progress.model)\(part): \(progress.receivedBytes / 1_000_000) of \(total / 1_000_000) MB"
        meter.withLock { $0.show(min(1, fraction), text) }
    }

    func finish() { meter.withLock { $0.clear() } }
}

/// Seconds as minutes and seconds, such as `3:07`.
func time(_ seconds: Double) -> String {
    let whole = Int(min(seconds.rounded(), 1e9))
    return "\(whole / 60):" + (whole % 60 < 10 ? "0" : "") + "\(whole % 60)"
}

extension String {
    fileprivate func padding(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
