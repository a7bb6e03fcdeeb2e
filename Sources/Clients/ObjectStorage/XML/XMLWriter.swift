/// Writes the small XML documents of S3.
package struct XMLWriter {
    /// The document so far.
    package private(set) var text: String

    /// A document, with or without `<?xml …?>`.
    package init(declaration: Bool = true) {
        text = declaration ? "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" : ""
    }

    /// An element that contains what `content` writes.
    package mutating func element(
        _ name: String, namespace: String? = nil, _ content: (inout XMLWriter) -> Void
    ) {
        text += namespace.map { "<\(name) xmlns=\"\($0)\">" } ?? "<\(name)>"
        content(&self)
        text += "</\(name)>"
    }

    /// An element that contains text.
    package mutating func element(_ name: String, _ value: String) {
        text += "<\(name)>\(Self.escape(value))</\(name)>"
    }

    /// Text inside the current element.
    package mutating func text(_ value: String) { text += Self.escape(value) }

    /// The namespace of every S3 document.
    package static let s3 = "http://s3.amazonaws.com/doc/2006-03-01/"

    /// `value` as it stands between tags; characters that XML cannot carry become U+FFFD.
    package static func escape(_ value: String) -> String {
        var text = ""
        text.reserveCapacity(value.utf8.count)
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&#34;"
            case "'": text += "&#39;"
            case "\t": text += "&#x9;"
            case "\n": text += "&#xA;"
            case "\r": text += "&#xD;"
            case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": text += "\u{FFFD}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
