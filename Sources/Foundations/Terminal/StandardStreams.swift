import CTerminal
import Foundation
import Synchronization

/// What a program says, to whom, when there may be nobody.
///
/// Standard output and standard error are a terminal, a pipe, a full disk, or closed. None of that ends a program: what cannot
/// be said on standard error is lost, and what cannot be said on standard output is remembered (``isOutputLost``), so that a
/// command whose result went nowhere ends with 1.
public enum StandardStreams {
    private static let outputLost = Atomic<Bool>(false)

    /// Whether something that was meant for standard output is lost.
    public static var isOutputLost: Bool { outputLost.load(ordering: .relaxed) }

    /// A pipe without a reader is an error from now on, not a signal. Descriptors that were closed lead to `/dev/null`: `CTerminal`
    /// saw to that before the program began.
    public static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        MSOpenStandardStreams()
    }

    /// Writes text to standard output at once: `print` keeps it back while that is a pipe or a file.
    fileprivate static func give(_ text: String) {
        if !write(text, to: STDOUT_FILENO) { outputLost.store(true, ordering: .relaxed) }
    }

    /// Writes text to standard error as it is.
    public static func show(_ text: String) { _ = write(text, to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN {
                    // Somebody else made the terminal non-blocking: wait until it takes more.
                    var place = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    if poll(&place, 1, 10_000) == 1 { continue }
                }
                guard count > 0 else { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
            return true
        }
    }

    /// The columns of the terminal on standard error; nil where there is none.
    public static var columns: Int? {
        guard isatty(STDERR_FILENO) == 1 else { return nil }
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// The signals that ask this process to end: SIGINT, SIGTERM and SIGHUP, without those that it was started to ignore (`nohup`).
    public static var endingSignals: [Int32] {
        [SIGINT, SIGTERM, SIGHUP].filter { number in
            var action = sigaction()
            sigaction(number, nil, &action)
            return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) != 1
        }
    }
}

/// Writes a line to standard output.
public func say(_ line: String) { StandardStreams.give(line + "\n") }

/// Writes a line that is no result to standard error.
public func note(_ line: String) { StandardStreams.show(line + "\n") }

extension String {
    /// Without control characters: file names and what servers say come from strangers, and must not command the terminal.
    public var printable: String {
        guard unicodeScalars.contains(where: Self.isCommand) else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { Self.isCommand($0) ? "\u{FFFD}" : $0 }))
    }

    /// The same line by line: the text's own line ends stay.
    public var printableLines: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }.joined(separator: "\n")
    }

    /// Control characters and those that turn the direction of writing, which let one name pass for another.
    private static func isCommand(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        case .format: scalar.properties.isBidiControl
        default: false
        }
    }
}
