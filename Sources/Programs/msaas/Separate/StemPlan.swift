import ArgumentParser
import SeparationChoices
import Terminal

/// The pattern of the output files' names, with the reference's variables in Python's format syntax.
struct FilenameTemplate: ExpressibleByArgument, CustomStringConvertible {
    /// A variable of the pattern.
    enum Variable: String, CaseIterable {
        case track, trackext, stem, ext
    }

    private enum Part {
        case text(String)
        case variable(Variable)
    }

    /// `{track}/{stem}.{ext}`, the reference's default.
    static let standard = FilenameTemplate(parts: [
        .variable(.track), .text("/"), .variable(.stem), .text("."), .variable(.ext),
    ])

    private let parts: [Part]

    private init(parts: [Part]) { self.parts = parts }

    /// Reads a pattern; nil when a brace is not closed or a variable unknown. `{{` and `}}` are braces.
    init?(argument: String) {
        var parts: [Part] = []
        var rest = Substring(argument)
        while let character = rest.popFirst() {
            if character == "{", rest.first == "{" || rest.isEmpty {
                guard rest.popFirst() != nil else { return nil }
                parts.append(.text("{"))
            } else if character == "{" {
                guard let end = rest.firstIndex(of: "}"), let variable = Variable(rawValue: String(rest[..<end])) else {
                    return nil
                }
                parts.append(.variable(variable))
                rest = rest[rest.index(after: end)...]
            } else if character == "}" {
                guard rest.popFirst() == "}" else { return nil }
                parts.append(.text("}"))
            } else {
                parts.append(.text(String(character)))
            }
        }
        guard !parts.isEmpty else { return nil }
        self.parts = parts
    }

    /// What the pattern's end says of the format.
    enum Ending {
        /// `.{ext}`: whatever is written.
        case open
        /// The ending of a format.
        case format(StemFormat)
        /// An ending of something else, or none.
        case unknown(String)
    }

    var ending: Ending {
        switch parts.last {
        case .variable(.ext): return .open
        case .text(let last):
            // A text is taken apart into its characters.
            let text = parts.reversed().prefix { if case .text = $0 { true } else { false } }.reversed()
                .map { if case .text(let text) = $0 { text } else { "" } }.joined().lowercased()
            if let format = StemFormat.allCases.first(where: { text.hasSuffix(".\($0.fileExtension)") }) {
                return .format(format)
            }
            return .unknown(text.lastIndex(of: ".").map { String(text[$0...]) } ?? last)
        case .variable(let variable): return .unknown("{\(variable.rawValue)}")
        case nil: return .unknown("")
        }
    }

    var description: String { path { "{\($0.rawValue)}" } }
    var defaultValueDescription: String { description }

    /// The path with the variables' values.
    func path(_ value: (Variable) -> String) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .variable(let variable): value(variable)
            }
        }.joined()
    }

    /// Whether it names this variable.
    func uses(_ variable: Variable) -> Bool {
        parts.contains { if case .variable(variable) = $0 { true } else { false } }
    }
}

/// Where the stems of all tracks go, decided before the first one is separated.
///
/// No two tracks share a path: the later of two that would is numbered, `song (2)`. No stem takes the place of a track.
struct StemPlan: Sendable {
    /// One track and its files.
    struct Entry: Sendable {
        let track: Track
        /// What `{track}` stands for, with the number that keeps it apart.
        let title: String
        /// The stems' files by the stems' names.
        let files: [String: String]

        /// Whether all stems are there and none is older than the track.
        var isPresent: Bool {
            let written = FileFacts(track.path)?.modified ?? 0
            return files.values.allSatisfy { path in
                FileFacts(path).map { $0.isRegular && $0.size > 0 && $0.modified >= written } ?? false
            }
        }
    }

    /// The model's folder.
    let folder: String
    let template: FilenameTemplate
    let stems: [String]
    let fileExtension: String
    /// What was given a place, by the track's path.
    private(set) var placed: [String: Entry] = [:]
    private var taken: [String: String] = [:]
    private var numbers: [String: Int] = [:]

    /// - Parameters:
    ///   - folder: the folder that the template's paths are in.
    ///   - stems: names of the files of each track.
    /// - Throws: ``CommandFailure`` where the template gives all stems the same name.
    init(folder: String, template: FilenameTemplate, stems: [String], fileExtension: String) throws {
        self.folder = folder
        self.template = template
        self.stems = stems
        self.fileExtension = fileExtension
        guard stems.count < 2 || template.uses(.stem) else {
            throw CommandFailure("--filename \(template) gives all stems the same name; put {stem} into it.")
        }
    }

    /// Gives each track its place, beside those that have one already.
    ///
    /// - Throws: ``CommandFailure`` where that cannot be, before anything is written.
    mutating func place(_ tracks: [Track]) throws -> [Entry] {
        var inputs: [FileFacts.Identity: String] = [:]
        for track in tracks { if let facts = FileFacts(track.path) { inputs[facts.identity] = track.path } }
        return try tracks.map { track in
            let entry = try place(track)
            for path in entry.files.values {
                guard let facts = FileFacts(path), let input = inputs[facts.identity] else { continue }
                throw CommandFailure(
                    "\(ByteNames.shown(path)) would take the place of the track \(ByteNames.shown(input)); choose another "
                        + "folder (-o) or name (--filename).")
            }
            return entry
        }
    }

    private mutating func place(_ track: Track) throws -> Entry {
        var number = numbers[track.title] ?? 1
        while true {
            let title = number == 1 ? track.title : "\(track.title) (\(number))"
            let files = files(track, title)
            guard let other = files.values.compactMap({ taken[$0] }).first else {
                for file in files.values { taken[file] = track.path }
                numbers[track.title] = number
                let entry = Entry(track: track, title: title, files: files)
                placed[track.path] = entry
                return entry
            }
            guard template.uses(.track) else {
                throw CommandFailure(
                    "--filename \(template) gives stems of \(ByteNames.shown(other)) and \(ByteNames.shown(track.path)) the "
                        + "same name; put {track} into it.")
            }
            number += 1
        }
    }

    private func files(_ track: Track, _ title: String) -> [String: String] {
        Dictionary(
            stems.map { stem in
                let path = template.path { variable in
                    switch variable {
                    case .track: title
                    case .trackext: track.ending
                    case .stem: stem
                    case .ext: fileExtension
                    }
                }
                return (stem, path.hasPrefix("/") ? path : "\(folder)/\(path)")
            }, uniquingKeysWith: { first, _ in first })
    }
}
