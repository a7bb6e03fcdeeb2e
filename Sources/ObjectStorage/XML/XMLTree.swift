package import Foundation
import FoundationXML

/// An element of a parsed XML document: its children and its text.
///
/// Documents come from outside. A document type declaration is refused, and with it every entity but the built-in ones;
/// so is a document that is too deep or has too many elements.
package struct XMLTree: Sendable, Equatable {
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
        guard !data.contains(0) else { throw XMLProblem(description: "The XML document is not UTF-8 text.") }
        guard data.range(of: Data("<!DOCTYPE".utf8)) == nil, data.range(of: Data("<!ENTITY".utf8)) == nil else {
            throw XMLProblem(description: "The XML document declares a document type, which is not accepted.")
        }
        let builder = TreeBuilder()
        let parser = XMLParser(data: data)
        parser.shouldProcessNamespaces = false
        parser.shouldResolveExternalEntities = false
        parser.delegate = builder
        guard parser.parse(), parser.parserError == nil, builder.problem == nil, let root = builder.root else {
            throw XMLProblem(description: builder.problem ?? "The XML document is not well-formed.")
        }
        self = root
    }

    fileprivate init(name: String) { self.name = name }
}

/// Why a document is refused.
package struct XMLProblem: Error, CustomStringConvertible {
    /// The reason, a sentence.
    package let description: String
}

private final class TreeBuilder: NSObject, XMLParserDelegate {
    var root: XMLTree?
    var problem: String?
    private var stack: [XMLTree] = []
    private var count = 0

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        count += 1
        guard !stack.isEmpty || root == nil else {
            problem = "The XML document has more than one root element."
            return parser.abortParsing()
        }
        guard stack.count < 32, count <= 100_000 else {
            problem = "The XML document is too deep or too large."
            return parser.abortParsing()
        }
        stack.append(XMLTree(name: name.split(separator: ":").last.map(String.init) ?? name))
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        if !stack.isEmpty { stack[stack.count - 1].text += string }
    }

    func parser(_ parser: XMLParser, foundCDATA block: Data) {
        if !stack.isEmpty { stack[stack.count - 1].text += String(decoding: block, as: UTF8.self) }
    }

    func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) {
        if problem == nil { problem = "The XML document is not well-formed." }
    }

    func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
        guard let element = stack.popLast() else { return }
        if stack.isEmpty { root = element } else { stack[stack.count - 1].children.append(element) }
    }
}
