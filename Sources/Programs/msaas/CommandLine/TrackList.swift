import Foundation

/// A file to work on.
struct Track: Sendable, Hashable {
    /// Where it is, in the spelling of ``ByteNames``.
    let path: String
    /// Its name, behind those of the folders below the one that the user named: `song.mp3`, `Album/song.mp3`.
    let name: String

    /// What `{track}` stands for: the name without its ending. What would then be no name of a folder (`...wav`, `.wav`) stays
    /// whole.
    var title: String {
        let file = name.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard let dot = file.lastIndex(of: "."), !["", ".", ".."].contains(file[..<dot]) else { return name }
        return String(name.dropLast(file.distance(from: dot, to: file.endIndex)))
    }

    /// What `{trackext}` stands for: the ending without its dot; the whole name where it has none, as in the reference.
    var ending: String {
        let file = name.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        return file.lastIndex(of: ".").map { String(file[file.index(after: $0)...]) } ?? String(file)
    }
}

/// The files that a command works on: those that were named, and of folders that were named what is music by its ending.
///
/// Hidden files are left out, and with them the resource twins (`._song.mp3`) of macOS; so is the folder that the stems go to.
/// Folders that are links are followed, each folder once.
struct TrackList {
    /// The files, those of a folder in the order of their names.
    private(set) var tracks: [Track] = []
    /// What the user should know: a folder that cannot be read, or in which nothing was found.
    private(set) var notes: [String] = []
    private var known: Set<String> = []
    private var seenFolders: Set<FileFacts.Identity> = []
    private let isRecursive: Bool

    /// The files that `names` name.
    ///
    /// - Parameters:
    ///   - isRecursive: whether folders within the folders are searched as well.
    ///   - excluded: folders that are not searched unless they are named, whatever leads to them.
    init(_ names: [String], isRecursive: Bool, excluding excluded: [String] = []) {
        self.isRecursive = isRecursive
        let named = Set(names.compactMap { FileFacts($0)?.identity })
        seenFolders = Set(excluded.compactMap { FileFacts($0)?.identity }).subtracting(named)
        for name in names {
            guard FileFacts(name)?.isFolder == true else {
                let last = name.split(separator: "/").last.map(String.init) ?? name
                add(Track(path: name, name: name == "-" ? "stdin" : last))
                continue
            }
            let before = tracks.count
            var foldersInside = 0
            search(name, below: "", &foldersInside)
            let shown = ByteNames.shown(name)
            if foldersInside > 0, !isRecursive {
                notes.append(
                    "\(shown): \(foldersInside) \(foldersInside == 1 ? "folder" : "folders") in it left out; "
                        + "--recursive takes them, too.")
            }
            if tracks.count == before { notes.append("\(shown): there is no music in this folder.") }
        }
    }

    private mutating func add(_ track: Track) {
        if known.insert(track.path).inserted { tracks.append(track) }
    }

    private mutating func search(_ folder: String, below parents: String, _ foldersInside: inout Int) {
        guard let facts = FileFacts(folder), seenFolders.insert(facts.identity).inserted else { return }
        guard let names = Self.names(in: folder) else {
            notes.append("\(ByteNames.shown(folder)): this folder cannot be read: \(String(cString: strerror(errno))).")
            return
        }
        for name in names.sorted() where !name.hasPrefix(".") {
            let path = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            guard let facts = FileFacts(path) else { continue }
            if facts.isFolder {
                if seenFolders.contains(facts.identity) { continue }
                foldersInside += 1
                if isRecursive { search(path, below: "\(parents)\(name)/", &foldersInside) }
            } else if facts.isRegular {
                let track = Track(path: path, name: parents + name)
                if Self.endings.contains(track.ending.lowercased()) { add(track) }
            }
        }
    }

    /// The names in a folder; nil where it cannot be read.
    private static func names(in folder: String) -> [String]? {
        guard let stream = ByteNames.withCString(folder, { opendir($0) }) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { ByteNames.text($0.prefix { $0 != 0 }) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Endings of files that carry audio. Within a folder nothing else is tried: covers, cue sheets and projects lie there as well.
    private static let endings: Set<String> = [
        "3g2", "3gp", "aac", "ac3", "adts", "aif", "aifc", "aiff", "alac", "amr", "ape", "asf", "au", "avi", "bwf",
        "caf", "dff",
        "dsf", "dts", "eac3", "ec3", "f4a", "flac", "flv", "m2ts", "m4a", "m4b", "m4r", "m4v", "mka", "mkv", "mov",
        "mp1", "mp2",
        "mp3", "mp4", "mpa", "mpc", "mpeg", "mpg", "mts", "oga", "ogg", "ogm", "ogv", "opus", "qt", "ra", "rf64", "rm",
        "snd", "spx",
        "tak", "ts", "tta", "vob", "voc", "w64", "wav", "wave", "webm", "wma", "wmv", "wv",
    ]
}

/// How a batch ended, for its last line.
struct Tally: Sendable {
    /// What is counted, in the plural, and what was done to it: `tracks`, `separated`.
    let things: String
    let done: String
    /// What is said of the rest after an interruption.
    let left: String
    var total: Int
    var succeeded = 0
    var failed = 0
    /// Left alone because its stems are there.
    var present = 0

    init(_ things: String, _ done: String, left: String = "not begun", total: Int) {
        self.things = things
        self.done = done
        self.left = left
        self.total = total
    }

    /// For example `27 of 30 tracks separated, 1 was there already, 2 failed.`
    var sentence: String {
        let untouched = total - succeeded - failed - present
        var parts = ["\(succeeded) of \(total) \(things) \(done)"]
        if present > 0 { parts.append("\(present) \(present == 1 ? "was" : "were") there already") }
        if failed > 0 { parts.append("\(failed) failed") }
        if untouched > 0 { parts.append("\(untouched) \(left)") }
        return parts.joined(separator: ", ") + "."
    }
}
