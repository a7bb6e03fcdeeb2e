/// Reads the parts of an XML document one after the other (XML 1.0, without document types): elements and text. Comments,
/// processing instructions and the values of attributes are passed over. It neither recurses nor looks anything up.
struct XMLReader {
    enum Part {
        /// An element begins; its name without the prefix of a namespace.
        case start(String)
        /// Text of the element that is open.
        case text(String)
        /// The element that is open ends.
        case end
    }

    private let bytes: [UInt8]
    private var position = 0
    private var open: [ArraySlice<UInt8>] = []
    /// Whether `<a/>` was read, whose end is still to be told.
    private var isEmptyElement = false

    /// A reader of text without characters that XML does not allow.
    init(_ text: String) {
        bytes = Array(text.utf8)
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// The next part.
    mutating func next() throws(XMLProblem) -> Part {
        if isEmptyElement {
            isEmptyElement = false
            open.removeLast()
            return .end
        }
        while true {
            guard position < bytes.count else { throw .malformed }
            guard bytes[position] == UInt8(ascii: "<") else {
                guard open.isEmpty else { return .text(try text()) }
                guard skipWhiteSpace() else { throw .malformed }
                continue
            }
            if try skipAside() { continue }
            if skip("<![CDATA[") {
                guard !open.isEmpty else { throw .malformed }
                return .text(Self.string(try upTo("]]>")))
            }
            if skip("</") { return try end() }
            position += 1
            return .start(try start())
        }
    }

    /// Checks that nothing but comments follows the root element.
    mutating func finish() throws(XMLProblem) {
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "<") {
                guard try skipAside() else {
                    throw XMLProblem(description: "The XML document has more than one root element.")
                }
            } else {
                guard skipWhiteSpace() else { throw .malformed }
            }
        }
    }

    // MARK: - Elements

    private mutating func start() throws(XMLProblem) -> String {
        let name = try name()
        let words = name.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard let local = words.last, words.count <= 2, words.allSatisfy({ Self.isName($0.first ?? 0, first: true) })
        else { throw .malformed }
        open.append(name)
        while true {
            let hasSpace = skipWhiteSpace()
            if skip("/>") {
                isEmptyElement = true
                return Self.string(local)
            }
            if skip(">") { return Self.string(local) }
            guard hasSpace else { throw .malformed }
            try skipAttribute()
        }
    }

    private mutating func end() throws(XMLProblem) -> Part {
        guard let expected = open.popLast(), try name() == expected else { throw .malformed }
        skipWhiteSpace()
        guard skip(">") else { throw .malformed }
        return .end
    }

    private mutating func skipAttribute() throws(XMLProblem) {
        _ = try name()
        skipWhiteSpace()
        guard skip("=") else { throw .malformed }
        skipWhiteSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") || bytes[position] == UInt8(ascii: "'")
        else { throw .malformed }
        let quote = bytes[position]
        position += 1
        while position < bytes.count, bytes[position] != quote {
            switch bytes[position] {
            case UInt8(ascii: "<"): throw .malformed
            case UInt8(ascii: "&"): _ = try reference()
            default: position += 1
            }
        }
        guard position < bytes.count else { throw .malformed }
        position += 1
    }

    /// Letters, digits, `_`, `-`, `.`, `:` and everything beyond ASCII; not a digit, dash or dot first.
    private mutating func name() throws(XMLProblem) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count, Self.isName(bytes[position], first: position == start) { position += 1 }
        guard position > start else { throw .malformed }
        return bytes[start..<position]
    }

    private static func isName(_ byte: UInt8, first: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: ":"), 0x80...:
            true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): !first
        default: false
        }
    }

    // MARK: - Text

    private mutating func text() throws(XMLProblem) -> String {
        var text: [UInt8] = []
        while position < bytes.count, bytes[position] != UInt8(ascii: "<") {
            if bytes[position] == UInt8(ascii: "&") {
                text += try reference()
            } else {
                text.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `&amp;` and its like, and characters by their numbers, as UTF-8.
    private mutating func reference() throws(XMLProblem) -> [UInt8] {
        position += 1
        let end = bytes[position...].prefix(12).firstIndex(of: UInt8(ascii: ";"))
        guard let end else { throw .malformed }
        let word = Self.string(bytes[position..<end])
        position = end + 1
        switch word {
        case "amp": return [UInt8(ascii: "&")]
        case "lt": return [UInt8(ascii: "<")]
        case "gt": return [UInt8(ascii: ">")]
        case "quot": return [UInt8(ascii: "\"")]
        case "apos": return [UInt8(ascii: "'")]
        default: break
        }
        let digits = word.hasPrefix("#x") ? word.dropFirst(2) : word.dropFirst()
        guard word.hasPrefix("#"), digits.allSatisfy(\.isHexDigit),
            let number = UInt32(digits, radix: word.hasPrefix("#x") ? 16 : 10), let scalar = Unicode.Scalar(number),
            number >= 0x20 || [9, 10, 13].contains(number), number != 0xfffe, number != 0xffff
        else { throw .malformed }
        return Array(String(Character(scalar)).utf8)
    }

    // MARK: - Everything else

    /// Passes over a comment or a processing instruction; false when there is none.
    private mutating func skipAside() throws(XMLProblem) -> Bool {
        if skip("<!--") {
            _ = try upTo("-->")
        } else if skip("<?") {
            _ = try upTo("?>")
        } else if bytes[position...].starts(with: "<!DOCTYPE".utf8) || bytes[position...].starts(with: "<!ENTITY".utf8)
        {
            throw XMLProblem(description: "The XML document declares a document type, which is not accepted.")
        } else {
            return false
        }
        return true
    }

    /// The bytes before `mark`, which is passed over, too.
    private mutating func upTo(_ mark: StaticString) throws(XMLProblem) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count {
            let end = position
            if skip(mark) { return bytes[start..<end] }
            position += 1
        }
        throw .malformed
    }

    private mutating func skip(_ mark: StaticString) -> Bool {
        let mark = UnsafeBufferPointer(start: mark.utf8Start, count: mark.utf8CodeUnitCount)
        guard bytes[position...].starts(with: mark) else { return false }
        position += mark.count
        return true
    }

    @discardableResult
    private mutating func skipWhiteSpace() -> Bool {
        let start = position
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
        return position > start
    }

    private static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
