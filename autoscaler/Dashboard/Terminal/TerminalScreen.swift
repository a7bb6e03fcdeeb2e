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
