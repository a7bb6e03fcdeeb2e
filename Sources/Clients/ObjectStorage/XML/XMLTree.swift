package import Foundation

/// An element of a parsed XML document: its children and its text.
///
/// Documents come from outside. A document type declaration is refused, and with it every entity but the built-in ones;
/// so is a document that is too deep or has too many elements.
package struct XMLTree: Sendable, Equatable {
    /// The deepest nesting of elements that is read.
    package static let depthLimit = 32
    /// The most elements that are read.
    package static let elementLimit = 100_000

    /// The element's name without a namespace prefix.
    package var name: String
    /// The text directly inside, without that of children.
    package var text = ""
    /// The elements inside.
    package var children: [XMLTree] = []

    /// The first child of that name.
    package subscript(name: String) -> XMLTree? { children.first { $0.name == name } }

    /// All children of that name.
    package func all(_ name: String) -> [XMLTree] { children.filter { $0.name == name } }

    /// The text of the first child of that name.
    package func text(_ name: String) -> String? { self[name]?.text }

    /// Parses a document.
    package init(parsing data: Data) throws(XMLProblem) {
        guard let text = String(validating: data, as: UTF8.self), text.unicodeScalars.allSatisfy(Self.isAllowed) else {
            throw XMLProblem(description: "The XML document is not UTF-8 text.")
        }
        var reader = XMLReader(text)
        var stack: [XMLTree] = []
        var count = 0
        while true {
            switch try reader.next() {
            case .start(let name):
                count += 1
                guard stack.count < Self.depthLimit, count <= Self.elementLimit else {
                    throw XMLProblem(description: "The XML document is too deep or too large.")
                }
                stack.append(XMLTree(name: name))
            case .text(let text):
                stack[stack.count - 1].text += text
            case .end:
                guard let element = stack.popLast() else { throw .malformed }
                if stack.isEmpty {
                    try reader.finish()
                    self = element
                    return
                }
                stack[stack.count - 1].children.append(element)
            }
        }
    }

    private init(name: String) { self.name = name }

    /// The characters of XML 1.0, section 2.2.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\t", "\n", "\r": true
        case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": false
        default: true
        }
    }
}

/// Why a document is refused.
package struct XMLProblem: Error, CustomStringConvertible {
    /// The reason, a sentence.
    package let description: String

    static let malformed = XMLProblem(description: "The XML document is not well-formed.")
}
