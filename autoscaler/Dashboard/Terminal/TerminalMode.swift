import Foundation

/// The terminal in raw mode: keys come one by one and unseen, and the kernel makes no signals of them.
struct TerminalMode: Sendable {
    private let descriptor: Int32
    private let original: termios

    /// Takes over the terminal of `descriptor`.
    ///
    /// - Throws: ``TerminalError`` when it is not a terminal.
    init(descriptor: Int32) throws(TerminalError) {
        var attributes = termios()
        guard tcgetattr(descriptor, &attributes) == 0 else { throw .notATerminal(String(cString: strerror(errno))) }
        self.descriptor = descriptor
        original = attributes
        try enter()
    }

    /// Raw mode, also once again after the process was stopped.
    func enter() throws(TerminalError) {
        var raw = original
        cfmakeraw(&raw)
        guard tcsetattr(descriptor, TCSADRAIN, &raw) == 0 else {
            throw .notATerminal(String(cString: strerror(errno)))
        }
    }

    /// The mode that the terminal had before.
    func restore() {
        var attributes = original
        _ = tcsetattr(descriptor, TCSADRAIN, &attributes)
    }

    /// The size of the terminal of `descriptor`; `nil` when it has none.
    static func size(of descriptor: Int32) -> Size? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return Size(width: Int(size.ws_col), height: Int(size.ws_row))
    }
}

/// Trouble with the terminal; the description is a sentence.
public enum TerminalError: Error, CustomStringConvertible {
    /// Standard input or output cannot be used as a terminal; why.
    case notATerminal(String)

    /// A sentence for the operator.
    public var description: String {
        switch self {
        case .notATerminal(let reason):
            "The live view needs a terminal for input and output (\(reason)); use --once or --json without one."
        }
    }
}
