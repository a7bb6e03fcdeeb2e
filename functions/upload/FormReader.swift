import Foundation
import FunctionHost

/// Reads a form up to its file, and then the file's bytes as they come.
actor FormReader {
    /// The file of a form.
    struct File: Sendable {
        var filename: String
        var contentType: String?
    }

    /// The longest value of a field in bytes, and the most fields.
    private static let valueLimit = 4096
    private static let fieldLimit = 64

    private let body: FunctionBody.Reader
    private var parser: MultipartParser
    private var first: Data?
    private var hasEnded = false

    init(_ body: FunctionBody.Reader, parser: MultipartParser) {
        self.body = body
        self.parser = parser
    }

    /// Reads the fields before the file; gives each to `field`.
    ///
    /// - Throws: a ``Problem`` when the form is malformed or has no file.
    func file(field: (_ name: String, _ value: String) throws -> Void) async throws -> File {
        for _ in 0...Self.fieldLimit {
            guard case .part(let headers)? = try await event() else {
                throw Problem.badForm("it has no file; send the song as a form field with a file name")
            }
            let disposition = headers["content-disposition"].flatMap { HeaderValue($0) }
            if let filename = disposition?.filename {
                return File(filename: filename.unescapedFormName, contentType: headers["content-type"])
            }
            guard let name = disposition?.parameters["name"], disposition?.value.lowercased() == "form-data" else {
                throw Problem.badForm("a part of it has no name")
            }
            try field(name.unescapedFormName, try await value(of: name))
        }
        throw Problem.badForm("it has more than \(Self.fieldLimit) fields before the file")
    }

    /// Whether the file has at least one byte.
    func hasBytes() async throws -> Bool {
        first = try await next()
        return first != nil
    }

    /// The file's next bytes, or nil at its end, once it is clear that nothing comes after it.
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
        guard case .end? = try await event() else {
            throw Problem.badForm(
                "something comes after the file, which is too late for options and too much for one job; "
                    + "put the options before the file and send one file a request")
        }
        // The rest is read so that a body that is cut after its last boundary is noticed, too.
        while try await body.next() != nil {}
        hasEnded = true
        return nil
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
                parser.append(chunk)
            }
        } catch let error as MultipartParser.Malformed {
            throw Problem.badForm(error.reason)
        }
    }
}

extension Problem {
    static func badForm(_ reason: String) -> Problem {
        Problem(
            "bad-form", title: "The form cannot be read", status: 400, detail: "The form cannot be read: \(reason).")
    }
}

extension String {
    /// Undoes what browsers do to quotes and line ends in the names of forms (and to nothing else).
    fileprivate var unescapedFormName: String {
        replacing("%22", with: "\"").replacing("%0D", with: "\r").replacing("%0A", with: "\n")
    }
}
