import Foundation
import FunctionHost
import Streams

/// Reads a form: the fields up to its file, the file's bytes as they come, and the fields after it.
///
/// One file is one song. Fields may stand on both sides of it, since many clients send files first; what comes after the
/// file is bounded by ``tailLimit``, so that with a known length of the form most of the file's bytes are known to be its
/// own before they have come.
actor FormReader {
    /// The file of a form.
    struct File: Sendable {
        var filename: String
        var contentType: String?
    }

    /// A field of a form.
    typealias Field = (name: String, value: String)

    /// The longest value of a field in bytes, and the most fields.
    private static let valueLimit = 4096
    private static let fieldLimit = 64
    /// The most bytes after the file: its last delimiter, fields, epilogue.
    static let tailLimit = 128 << 10

    private let body: FunctionBody.Reader
    private let length: Int?
    private var parser: MultipartParser
    private var received = 0
    private var first: Data?
    private var fieldCount = 0
    private var hasEnded = false
    private let takesSeveral: Bool
    private var following: File?
    /// The fields after the file, once the file has been read to its end.
    private(set) var lateFields: [Field] = []

    /// - Parameters:
    ///   - length: the whole form's length in bytes, if it is known.
    ///   - takesSeveral: whether more files may follow the first one.
    init(_ body: FunctionBody.Reader, length: Int?, parser: MultipartParser, takesSeveral: Bool = false) {
        self.takesSeveral = takesSeveral
        self.body = body
        self.length = length
        self.parser = parser
    }

    /// Reads the fields before the file; gives each to `field`.
    ///
    /// - Throws: a ``Problem`` when the form is malformed or has no file.
    func file(field: (Field) throws -> Void) async throws -> File {
        while case .part(let headers)? = try await event() {
            switch try await part(headers) {
            case .field(let value): try field(value)
            case .file(let file): return file
            case .nothing: continue
            }
        }
        throw Problem.badForm("it has no file; send the song as a form field with a file name")
    }

    /// Whether the file has at least one byte.
    func hasBytes() async throws -> Bool {
        if first == nil { first = try await next() }
        return first != nil
    }

    /// How many bytes the file has at least, counted from here; nil when the form's length is not known.
    var certainLength: Int? {
        length.map { max(0, $0 - received + parser.bufferedCount + (first?.count ?? 0) - Self.tailLimit) }
    }

    /// The file's next bytes, or nil at its end, once the whole form was read.
    func next() async throws -> Data? {
        if let bytes = first {
            first = nil
            return bytes
        }
        guard !hasEnded else { return nil }
        switch try await event() {
        case .bytes(let bytes)?: return bytes
        case .partEnd?: break
        default: throw Problem.badForm("it ends in the middle of the file")
        }
        try await readTail()
        hasEnded = true
        return nil
    }

    /// The file that follows the one that was read to its end; nil when there is none.
    func nextFile() -> File? {
        guard let file = following else { return nil }
        (following, hasEnded) = (nil, false)
        return file
    }

    /// Reads what comes after the file.
    private func readTail() async throws {
        while case .part(let headers)? = try await event() {
            switch try await part(headers) {
            case .field(let field): lateFields.append(field)
            case .file(let file):
                guard takesSeveral else {
                    throw Problem.badForm(
                        "it has more than one file; send each song in a request of its own, or the form to /upload?multiple=1"
                    )
                }
                following = file
                return
            case .nothing: continue
            }
        }
        // The rest is read so that a body that is cut after its last boundary is noticed, too.
        while try await body.next() != nil {}
    }

    private enum Part {
        case field(Field)
        case file(File)
        /// A control for a file in which none was chosen.
        case nothing
    }

    private func part(_ headers: [String: String]) async throws -> Part {
        fieldCount += 1
        guard fieldCount <= Self.fieldLimit else {
            throw Problem.badForm("it has more than \(Self.fieldLimit) fields")
        }
        let disposition = headers["content-disposition"].flatMap { HeaderValue($0) }
        if let filename = disposition?.filename {
            guard filename.isEmpty else {
                return .file(File(filename: filename.unescapedFormName, contentType: headers["content-type"]))
            }
            guard case .bytes(let bytes)? = try await event() else { return .nothing }
            first = bytes
            return .file(File(filename: "", contentType: headers["content-type"]))
        }
        guard let name = disposition?.parameters["name"], disposition?.value.lowercased() == "form-data" else {
            throw Problem.badForm("a part of it has no name")
        }
        return .field((name.unescapedFormName, try await value(of: name)))
    }

    private func value(of name: String) async throws -> String {
        var value = Data()
        while case .bytes(let bytes)? = try await event() {
            value.append(bytes)
            guard value.count <= Self.valueLimit else {
                throw Problem.badForm("the field “\(name.prefix(64))” is longer than \(Self.valueLimit) bytes")
            }
        }
        return String(decoding: value, as: UTF8.self)
    }

    private func event() async throws -> MultipartParser.Event? {
        do {
            while true {
                if let event = try parser.next() { return event }
                guard let chunk = try await body.next() else {
                    try parser.finish()
                    return nil
                }
                received += chunk.readableBytes
                parser.append(Data(chunk))
            }
        } catch let error as MultipartParser.Malformed {
            throw Problem.badForm(error.reason)
        }
    }
}

extension Problem {
    static func badForm(_ reason: String) -> Problem {
        Problem(.badForm, detail: "The form cannot be read: \(reason).")
    }
}

extension String {
    /// Undoes what browsers do to quotes and line ends in the names of forms (and to nothing else).
    fileprivate var unescapedFormName: String {
        replacing("%22", with: "\"").replacing("%0D", with: "\r").replacing("%0A", with: "\n")
    }
}
