import ArgumentParser

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

    /// The path of one stem of a track, whose file is called `track`.
    func path(track: String, stem: String, fileExtension: String) -> String {
        let dot = track.lastIndex(of: ".")
        return path { variable in
            switch variable {
            case .track: dot.map { String(track[..<$0]) } ?? track
            case .trackext: dot.map { String(track[track.index(after: $0)...]) } ?? track
            case .stem: stem
            case .ext: fileExtension
            }
        }
    }
}
