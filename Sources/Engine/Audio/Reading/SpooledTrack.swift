import Foundation

/// A track that comes through a pipe (standard input, `<(command)` of a shell): it is read more than once and in leaps, so all
/// of it goes into a temporary file that has no name, and is gone with this object or its process.
public final class SpooledTrack {
    /// Where the track can be opened, for as long as this object lives.
    public let url: URL
    private let descriptor: Int32

    /// The most that is taken from a pipe, in bytes; what goes on for ever must not fill the disk.
    public static let mostBytes = 4 << 30

    /// Whether what `path` names is no file but one end of a pipe that this process was given, as `<(command)` is.
    public static func isPipe(_ path: String) -> Bool {
        guard ["/dev/fd/", "/proc/self/fd/", "/dev/stdin"].contains(where: path.hasPrefix) else { return false }
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT != S_IFREG && status.st_mode & S_IFMT != S_IFDIR
    }

    /// Reads `pipe` to its end. Blocks its thread.
    ///
    /// - Parameters:
    ///   - pipe: what to read, which stays the caller's.
    ///   - name: what to call it in errors.
    ///   - goOn: asked a few times a second; false ends reading with `CancellationError`.
    /// - Throws: ``AudioError`` when it is too long, or the temporary folder has no room for it.
    public init(
        _ pipe: Int32, name: String, mostBytes: Int = SpooledTrack.mostBytes, goOn: () -> Bool = { true }
    ) throws {
        let folder = FileManager.default.temporaryDirectory
        let file = temporaryName(in: folder, "spool").path
        descriptor = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw AudioError.writing(folder.path) }
        unlink(file)
        url = URL(filePath: "/proc/self/fd/\(descriptor)")
        // From here on every stored property has its value, so that `deinit` cleans up after a failure.
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var total = 0
        while true {
            guard goOn() else { throw CancellationError() }
            var asked = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
            guard poll(&asked, 1, 200) != 0 else { continue }
            let count = read(pipe, &buffer, buffer.count)
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count >= 0 else { throw AudioError.cannotOpen(path: name, reason: String(cString: strerror(errno))) }
            if count == 0 { return }
            total += count
            guard total <= mostBytes else {
                throw AudioError.cannotOpen(
                    path: name, reason: "more than \(mostBytes >> 20) MiB come through it; store it in a file first")
            }
            try writeAll(descriptor, buffer, count: count, path: folder.path)
        }
    }

    deinit { close(descriptor) }
}
