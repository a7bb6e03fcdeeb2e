import Encodings
import Foundation
import FunctionHost

/// A header's value with parameters, such as `form-data; name="file"; filename*=UTF-8''a%20b.mp3` (RFC 9110, 8187).
package struct HeaderValue: Sendable, Equatable {
    /// What comes before the first semicolon.
    package var value: String
    /// The parameters by their names in lower case, without quotes; the first one counts.
    package var parameters: [String: String] = [:]

    /// - Returns: nil when there is nothing before the first semicolon.
    package init?(_ text: String) {
        var rest = text[...]
        value = rest.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces)
        guard !value.isEmpty else { return nil }
        rest = rest.drop { $0 != ";" }
        while rest.first == ";" {
            rest = rest.dropFirst().drop { $0 == " " || $0 == "\t" }
            let name = rest.prefix { $0 != "=" && $0 != ";" }
            rest = rest.dropFirst(name.count)
            guard rest.first == "=" else { continue }
            rest = rest.dropFirst()
            let value = rest.first == "\"" ? Self.quoted(&rest) : String(rest.prefix { $0 != ";" })
            rest = rest.drop { $0 != ";" }
            let key = name.trimmingCharacters(in: .whitespaces).lowercased()
            if parameters[key] == nil { parameters[key] = value.trimmingCharacters(in: .whitespaces) }
        }
    }

    /// The file name: `filename*` where it can be decoded, else `filename`.
    package var filename: String? {
        if let extended = parameters["filename*"] {
            let parts = extended.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
            if parts.count == 3, parts[0].lowercased() == "utf-8",
                let decoded = parts[2].percentDecoded()
            {
                return decoded
            }
        }
        return parameters["filename"]
    }

    /// Reads a quoted string. A backslash escapes a quote or a backslash; before anything else it stands for itself,
    /// since some clients send paths of Windows unescaped.
    private static func quoted(_ rest: inout Substring) -> String {
        var value = ""
        rest = rest.dropFirst()
        while let character = rest.popFirst(), character != "\"" {
            if character == "\\", let next = rest.first, next == "\"" || next == "\\" {
                value.append(next)
                rest.removeFirst()
            } else {
                value.append(character)
            }
        }
        return value
    }
}
