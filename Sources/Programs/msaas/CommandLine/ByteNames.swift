import Foundation
import Terminal

/// Names of files as the kernel has them: bytes, which are UTF-8 only by custom.
///
/// A `String` cannot hold `caf\xe9.wav`. So that such a name survives the way through options, patterns and lists, each byte that
/// is no part of UTF-8 becomes a scalar of its own (`U+10FE00` + byte, of a plane for private use) where a name comes in, and the
/// byte again where it goes to the kernel; a name that has such scalars itself is taken apart in the same way, so the two directions
/// are each other's inverse. Everything between works on ordinary strings.
enum ByteNames {
    private static let first: UInt32 = 0x10FE00

    /// A name as a string.
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        var text = String.UnicodeScalarView()
        var position = 0
        while position < bytes.count {
            var iterator = bytes[position...].makeIterator()
            var decoder = UTF8()
            if case .scalarValue(let scalar) = decoder.decode(&iterator), !isByte(scalar) {
                text.append(scalar)
                position += UTF8.width(scalar)
            } else {
                if let byte = Unicode.Scalar(first + UInt32(bytes[position])) { text.append(byte) }
                position += 1
            }
        }
        return String(text)
    }

    /// The name that ``text(_:)`` made a string of.
    static func bytes(_ text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { scalar in
            isByte(scalar) ? [UInt8(scalar.value - first)] : Array(String(scalar).utf8)
        }
    }

    /// Calls `body` with the name as the kernel takes it.
    static func withCString<Result>(_ text: String, _ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result
    {
        try (bytes(text).map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { name in
            // Never empty: there is the zero.
            try name.baseAddress.map(body) ?? body("")
        }
    }

    /// Whether the name is plain Unicode, which URLs and strings can hold.
    static func isPlain(_ text: String) -> Bool { !text.unicodeScalars.contains(where: isByte) }

    /// The name for people: what is no text and what a terminal would obey is replaced.
    static func shown(_ text: String) -> String {
        isPlain(text) ? text.printable : String(decoding: bytes(text), as: UTF8.self).printable
    }

    /// The process's command line, without the program's name.
    static func commandLine() -> [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            CommandLine.unsafeArgv[index].map { text(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
    }

    /// The folder that the process works in; nil when it is gone.
    static func workingFolder() -> String? {
        getcwd(nil, 0).map { path in
            defer { free(path) }
            return text(UnsafeRawBufferPointer(start: path, count: strlen(path)))
        }
    }

    private static func isByte(_ scalar: Unicode.Scalar) -> Bool { (first..<first + 256).contains(scalar.value) }
}

/// What the kernel says of a file or folder, links followed.
struct FileFacts {
    /// What is the same for every name of a file.
    struct Identity: Hashable {
        let device: UInt
        let number: UInt
    }

    let identity: Identity
    let isFolder: Bool
    let isRegular: Bool
    let size: Int
    /// When it was last written, in seconds.
    let modified: Double

    /// nil where there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard ByteNames.withCString(path, { stat($0, &status) }) == 0 else { return nil }
        identity = Identity(device: UInt(status.st_dev), number: UInt(status.st_ino))
        isFolder = status.st_mode & S_IFMT == S_IFDIR
        isRegular = status.st_mode & S_IFMT == S_IFREG
        size = Int(status.st_size)
        modified = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9
    }
}

/// A file or folder as a URL, which can hold no name that is not Unicode: such a one is reached by the kernel's link to an open
/// descriptor, which lives as long as this object.
final class ReachedFile {
    /// What leads there.
    let url: URL
    private let descriptor: Int32

    /// Reaches what is at `path`.
    init(_ path: String) {
        var descriptor: Int32 = -1
        if ByteNames.isPlain(path), path.hasPrefix("/") || ByteNames.workingFolder().map(ByteNames.isPlain) ?? true {
            url = URL(filePath: path)
        } else if ByteNames.isPlain(path) {
            url = URL(filePath: "/proc/self/cwd/\(path)")
        } else {
            // O_PATH: also what may not be read is reached; whoever reads it says so.
            descriptor = ByteNames.withCString(path) { open($0, 0o10000000 | O_CLOEXEC) }
            url = URL(filePath: descriptor < 0 ? path : "/proc/self/fd/\(descriptor)")
        }
        self.descriptor = descriptor
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
