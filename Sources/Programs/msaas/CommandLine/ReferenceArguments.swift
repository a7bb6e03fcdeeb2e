import ArgumentParser
import Foundation
import Terminal

/// Command lines as the reference command reads them, put into the words that ArgumentParser reads.
///
/// Python's argparse takes more than ArgumentParser does: `-j4`, `-vj4` and `-n=NAME`, any beginning of a long name that only one
/// name has (`--two-stem`), and values that begin with a dash and are numbers. Which names there are, and which of them take a value,
/// is what the command itself declares.
struct ReferenceArguments {
    private struct Name {
        /// The long name.
        let long: String
        let takesValue: Bool
    }

    /// The long names of the reference (`Tests/SeparationTests/Reference` holds what `demucs --help` says): an abbreviation that is
    /// clear there stays so, whatever we add.
    static let reference: Set = [
        "--sig", "--name", "--repo", "--list-models", "--verbose", "--out", "--filename", "--device", "--shifts",
        "--overlap",
        "--no-split", "--segment", "--two-stems", "--other-method", "--int24", "--float32", "--clip-mode", "--flac",
        "--mp3",
        "--mp3-bitrate", "--mp3-preset", "--jobs", "--help",
    ]

    private var names: [String: Name] = [:]

    /// The command line of `command`.
    init(of command: (some ParsableCommand).Type) {
        let description = try? JSONDecoder().decode(Description.self, from: Data(command._dumpHelp().utf8))
        for argument in description?.command.arguments ?? [] {
            guard let long = argument.names?.first(where: { $0.kind == "long" }) else { continue }
            let name = Name(long: "--\(long.name)", takesValue: argument.kind == "option")
            for spelling in argument.names ?? [] {
                names[(spelling.kind == "long" ? "--" : "-") + spelling.name] = name
            }
        }
    }

    /// The same command line with whole names, and every value behind its name: `--name=value`.
    ///
    /// - Throws: ``CommandFailure`` for a beginning that several names have.
    func rewritten(_ arguments: [String]) throws -> [String] {
        var result: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" { return result + [argument] + rest }
            if argument.hasPrefix("--") {
                let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = try named(String(parts[0])) else {
                    result.append(argument)
                    continue
                }
                append(name, parts.count > 1 ? String(parts[1]) : nil, &rest, to: &result)
            } else if argument.hasPrefix("-"), argument != "-" {
                append(cluster: argument, &rest, to: &result)
            } else {
                result.append(argument)
            }
        }
        return result
    }

    /// Letters behind one dash: flags, and at the end perhaps one with its value.
    private func append(cluster argument: String, _ rest: inout ArraySlice<String>, to result: inout [String]) {
        var letters = argument.dropFirst()
        while let letter = letters.popFirst() {
            guard let name = names["-\(letter)"] else {
                // Whoever reads it next says what is wrong with it.
                result.append("-\(letter)\(letters)")
                return
            }
            if name.takesValue {
                let value = letters.first == "=" ? letters.dropFirst() : letters
                return append(name, letters.isEmpty ? nil : String(value), &rest, to: &result)
            }
            result.append(name.long)
        }
    }

    private func append(_ name: Name, _ value: String?, _ rest: inout ArraySlice<String>, to result: inout [String]) {
        if let value {
            result.append("\(name.long)=\(value)")
        } else if name.takesValue, let next = rest.first, !Self.isName(next) {
            rest.removeFirst()
            result.append("\(name.long)=\(next)")
        } else {
            result.append(name.long)
        }
    }

    /// Whether argparse would take it for a flag rather than a value.
    private static func isName(_ argument: String) -> Bool {
        argument.hasPrefix("-") && argument != "-" && Double(argument) == nil && !argument.contains(" ")
    }

    /// The name that begins like this; nil when there is none.
    private func named(_ beginning: String) throws -> Name? {
        if let name = names[beginning] { return name }
        let longer = names.keys.filter { $0.hasPrefix(beginning) && $0.hasPrefix("--") }.sorted()
        let known = longer.filter(Self.reference.contains)
        let candidates = known.isEmpty ? longer : known
        guard candidates.count > 1 else { return candidates.first.flatMap { names[$0] } }
        throw CommandFailure("\(beginning.printable) could be \(candidates.joined(separator: ", ")); write it out.")
    }
}

/// What ArgumentParser tells of a command.
private struct Description: Decodable {
    struct Command: Decodable { let arguments: [Argument]? }
    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }
        let kind: String
        let names: [Name]?
    }
    let command: Command
}
