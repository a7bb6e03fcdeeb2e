import Dispatch
import Foundation
import Threading

/// The screen: the alternate one of the terminal, drawn frame by frame, and left as it was found.
///
/// Writing to a slow terminal blocks, so all of it happens on a thread of its own.
actor TerminalScreen {
    private nonisolated let thread = BlockingThread(name: "terminal-out")
    private let output: Int32
    private let mode: TerminalMode
    private var writer: FrameWriter
    private var isActive = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Takes over the terminal; nothing is drawn yet.
    init(input: Int32, output: Int32, colors: ColorDepth) throws(TerminalError) {
        self.output = output
        mode = try TerminalMode(descriptor: input)
        writer = FrameWriter(depth: colors)
    }

    /// Switches to the alternate screen, without a cursor and without wrapping at the margin. Also called after the
    /// process was stopped and goes on.
    func enter() throws(TerminalError) {
        try mode.enter()
        isActive = true
        writer.invalidate()
        send("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l")
    }

    /// Gives the terminal back. Harmless when that has been done.
    func leave() {
        if isActive { send("\u{1b}[0m\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l") }
        isActive = false
        mode.restore()
    }

    /// Draws what has changed since the last frame.
    ///
    /// - Parameter whole: the terminal may show something else than the last frame; draw everything.
    func draw(_ picture: CellBuffer, whole: Bool) {
        if whole { writer.invalidate() }
        guard isActive else { return }
        send(writer.frame(picture))
    }

    /// Stops the process as Ctrl-Z does, and takes the terminal over again once it goes on.
    func suspend() throws(TerminalError) {
        leave()
        // Of this thread, so that it is stopped before the next line; the rest of the process stops with it.
        raise(SIGSTOP)
        try enter()
    }

    private func send(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                var ready = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            } else if errno != EINTR {
                // The terminal is gone; its input says so too, which ends the program.
                return
            }
        }
    }
}

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

/// Reads keys from the terminal, on a thread of its own.
final class TerminalInput: Sendable {
    private let thread = BlockingThread(name: "terminal-in")
    private let descriptor: Int32
    private let wake: Pipe

    /// How long the rest of an escape sequence may take, in milliseconds, before it was the Escape key.
    private static let patience: Int32 = 50

    init(descriptor: Int32) {
        self.descriptor = descriptor
        wake = Pipe()
    }

    /// Reads until the input ends or ``stop()`` is called.
    func run(_ handle: @escaping @Sendable ([Key]) -> Void) async {
        try? await thread.run { [descriptor, reading = wake.fileHandleForReading.fileDescriptor] in
            var parser = KeyParser()
            while true {
                var ready = [
                    pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: reading, events: Int16(POLLIN), revents: 0),
                ]
                let count = poll(&ready, 2, parser.isWaiting ? Self.patience : -1)
                if count < 0 && errno == EINTR { continue }
                if count < 0 || ready[1].revents != 0 { return }
                if count == 0 {
                    handle(parser.flush())
                    continue
                }
                var bytes = [UInt8](repeating: 0, count: 256)
                let length = read(descriptor, &bytes, bytes.count)
                if length < 0 && (errno == EINTR || errno == EAGAIN) { continue }
                if length <= 0 { return }
                let keys = parser.take(bytes[..<length])
                if !keys.isEmpty { handle(keys) }
            }
        }
    }

    /// Ends ``run(_:)``.
    func stop() { try? wake.fileHandleForWriting.write(contentsOf: [0]) }
}

/// The signals that the program listens to instead of being ended by them.
final class Signals {
    private let sources: [any DispatchSourceSignal]

    /// Calls `handle` for each signal of `numbers` that comes, until this value is gone.
    init(_ numbers: [Int32], handle: @escaping @Sendable (Int32) -> Void) {
        sources = numbers.map { number in
            // The source sees the signal all the same; ignoring it keeps it from ending the process.
            if number != SIGWINCH && number != SIGCONT { signal(number, SIG_IGN) }
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { handle(number) }
            source.resume()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }
}

/// How many colours a terminal shows.
public enum ColorDepth: Sendable, Equatable {
    /// None at all.
    case none
    /// The eight of ECMA-48.
    case basic
    /// 256.
    case palette
    /// 24 bits.
    case full
}

/// What a terminal can do, as far as the environment tells.
public struct Capabilities: Sendable, Equatable {
    /// Its colours.
    public var colors: ColorDepth
    /// Whether it shows more than ASCII.
    public var unicode: Bool
    /// Whether the cursor can be moved, so that a live view can be drawn.
    public var isAddressable: Bool

    /// Capabilities of their parts.
    public init(colors: ColorDepth, unicode: Bool, isAddressable: Bool) {
        self.colors = colors
        self.unicode = unicode
        self.isAddressable = isAddressable
    }

    /// What `TERM`, `COLORTERM`, `NO_COLOR` (no-color.org) and the locale (`LC_ALL`, `LC_CTYPE`, `LANG`) say.
    ///
    /// - Parameter isTerminal: whether the output goes to a terminal at all.
    public init(environment: [String: String], isTerminal: Bool) {
        let term = environment["TERM"] ?? ""
        isAddressable = isTerminal && !term.isEmpty && term != "dumb" && term != "unknown"
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let encoding = locale.lowercased()
        unicode = encoding.contains("utf-8") || encoding.contains("utf8")
        colors =
            if !isAddressable || environment["NO_COLOR"].map({ !$0.isEmpty }) ?? false || term.hasSuffix("-mono") {
                .none
            } else if ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "") || term.hasSuffix("-direct") {
                .full
            } else if term.contains("256color") {
                .palette
            } else if term.hasPrefix("vt1") || term.hasPrefix("vt2") {
                .none
            } else {
                .basic
            }
    }
}
