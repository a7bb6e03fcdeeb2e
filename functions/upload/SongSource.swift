import FileKind
import Encodings
import Foundation
import FunctionClients
import FunctionHost
import Jobs
import NIOCore
import ServiceContract

/// The song in a request, whichever way it is sent: its name, its type, its options, and its bytes as they come.
struct SongSource: Sendable {
    /// What is known of the song's length before its bytes have come.
    enum Extent: Sendable, Equatable {
        /// So many bytes.
        case exactly(Int)
        /// At least so many, and at most ``FormReader/tailLimit`` more.
        case atLeast(Int)
        /// At most so many, or nothing at all.
        case unknown(limit: Int?)
    }

    let filename: String
    let contentType: String
    /// The options that are known before the song's bytes.
    let options: JobOptions
    let extent: Extent
    /// Whether more options may come after the song's bytes.
    let mayHaveLateOptions: Bool
    /// The song's next bytes, nil at its end.
    let next: @Sendable () async throws -> ByteBuffer?
    /// All options, once the song was read to its end: a form may bring some after its file.
    let finalOptions: @Sendable () async throws -> JobOptions

    /// Reads up to the song's first bytes.
    ///
    /// - Throws: a ``Problem`` when an option or the form is wrong, there is no song, or what is sent cannot be one.
    init(_ request: FunctionRequest, options: OptionFields) async throws {
        let type = request.headers[.contentType].flatMap { HeaderValue($0) }
        let media = type?.value.lowercased() ?? ""
        if media == "multipart/form-data" {
            try await self.init(form: request, type: type, options: options)
        } else {
            try await self.init(raw: request, type: media, options: options)
        }
    }

    private init(raw request: FunctionRequest, type: String, options: OptionFields) async throws {
        let disposition = request.headers[.contentDisposition].flatMap { HeaderValue($0) }
        let header = request.header("X-Filename").map { $0.percentDecoded() ?? $0 }
        let given = request.query["filename"] ?? header ?? disposition?.filename
        let song = RawSong(request.body.reader())
        guard let start = try await song.start() else { throw Problem.emptySong }
        // curl calls every file so that it sends with --data-binary; a form's text is not mistaken for one.
        if type == "application/x-www-form-urlencoded",
            start.readableBytesView.prefix(512).allSatisfy({ 0x20..<0x7f ~= $0 })
        {
            throw Problem.unsupported("a form's text", "send the song as the body, or as multipart/form-data")
        }
        let validated = try options.validated()
        let whole = try await SongHead { try await song.next() }
        self.init(
            name: given, type: type, options: validated,
            extent: request.body.declaredLength.map { .exactly($0) } ?? .unknown(limit: nil),
            mayHaveLateOptions: false, next: { try await whole.next() }, finalOptions: { validated })
    }

    private init(form request: FunctionRequest, type: HeaderValue?, options: OptionFields) async throws {
        guard let boundary = type?.parameters["boundary"], let parser = MultipartParser(boundary: boundary) else {
            throw Problem.badForm("its Content-Type has no usable boundary")
        }
        let length = request.body.declaredLength
        let form = FormReader(request.body.reader(), length: length, parser: parser)
        var options = options
        let file = try await form.file { try options.add($0.name, $0.value) }
        let validated = try options.validated()
        guard try await form.hasBytes() else { throw Problem.emptySong }
        let certain = await form.certainLength
        let whole = try await SongHead { try await form.next().map { ByteBuffer(bytes: $0) } }
        let extent: Extent =
            if let certain, certain >= SongUpload.pieceSize { .atLeast(certain) } else {
                .unknown(limit: certain.map { $0 + FormReader.tailLimit })
            }
        self.init(
            name: request.query["filename"] ?? file.filename, type: file.contentType, options: validated,
            extent: extent, mayHaveLateOptions: true, next: { try await whole.next() },
            finalOptions: { [options] in
                var options = options
                for field in await form.lateFields { try options.add(field.name, field.value) }
                return try options.validated()
            })
    }

    /// One of several files of a form; options that follow it are the form's.
    init(_ file: FormReader.File, of form: FormReader, options: JobOptions) async throws {
        guard try await form.hasBytes() else { throw Problem.emptySong }
        let whole = try await SongHead { try await form.next().map { ByteBuffer(bytes: $0) } }
        self.init(
            name: file.filename, type: file.contentType, options: options, extent: .unknown(limit: nil),
            mayHaveLateOptions: true, next: { try await whole.next() }, finalOptions: { options })
    }

    private init(
        name: String?, type: String?, options: JobOptions, extent: Extent, mayHaveLateOptions: Bool,
        next: @escaping @Sendable () async throws -> ByteBuffer?,
        finalOptions: @escaping @Sendable () async throws -> JobOptions
    ) {
        let name = name.flatMap { $0.isEmpty ? nil : SongName($0) } ?? SongName.fallback(contentType: type)
        filename = name.text
        // A type that is no token would be refused by the storage.
        let media = type?.lowercased().prefixMatch(of: /(audio|video)\/[a-z0-9!#$&^_.+-]{1,100}/).map { String($0.0) }
        contentType = media ?? name.contentType ?? "application/octet-stream"
        self.options = options
        self.extent = extent
        self.mayHaveLateOptions = mayHaveLateOptions
        self.next = next
        self.finalOptions = finalOptions
    }

    /// Refuses bodies that say themselves that they are no song, before any of their bytes are read.
    ///
    /// - Throws: a 415 ``Problem``.
    static func check(_ headers: HTTPFields) throws {
        let encoding = headers[.contentEncoding]?.trimmingCharacters(in: .whitespaces).lowercased() ?? ""
        guard ["", "identity"].contains(encoding) else {
            throw Problem.unsupported(
                "a body with Content-Encoding “\(encoding.prefix(32))”",
                "send the song as it is, without Content-Encoding")
        }
        let type = headers[.contentType].flatMap { HeaderValue($0) }?.value.lowercased() ?? ""
        let isText =
            type.hasPrefix("text/") || type == "application/json" || type.hasSuffix("+json")
            || type.hasSuffix("/xml") || type.hasSuffix("+xml")
        guard !isText, !type.hasPrefix("multipart/") || type == "multipart/form-data" else {
            throw Problem.unsupported(
                "a body of the type “\(type.prefix(64))”", "send the song as the body, or as multipart/form-data")
        }
    }
}

/// A song whose first bytes were judged: what they show to be no audio is refused before anything is stored.
private actor SongHead {
    private let source: @Sendable () async throws -> ByteBuffer?
    private var head: [ByteBuffer] = []

    /// Reads as much as a judgement needs.
    ///
    /// - Throws: a 415 ``Problem`` that names what was sent instead of a song.
    init(_ source: @escaping @Sendable () async throws -> ByteBuffer?) async throws {
        self.source = source
        var count = 0
        while count < FileKind.headLength, let chunk = try await source() {
            head.append(chunk)
            count += chunk.readableBytes
        }
        if case .other(let kind) = FileKind(head: head.map(\.readableBytesView).joined()) {
            throw Problem.unsupported(kind, "send the recording itself")
        }
    }

    func next() async throws -> ByteBuffer? {
        if head.isEmpty { return try await source() }
        return head.removeFirst()
    }
}

/// A raw body whose first chunk was looked at.
private actor RawSong {
    private let reader: FunctionBody.Reader
    private var first: ByteBuffer?

    init(_ reader: FunctionBody.Reader) { self.reader = reader }

    func start() async throws -> ByteBuffer? {
        while first?.readableBytes ?? 0 == 0 {
            guard let chunk = try await reader.next() else { return nil }
            first = chunk
        }
        return first
    }

    func next() async throws -> ByteBuffer? {
        defer { first = nil }
        if let first { return first }
        return try await reader.next()
    }
}

/// Options as they come in, from the query and from form fields. One without a value counts as not given: forms send all
/// their controls.
struct OptionFields: Sendable {
    private var values: [String: String] = [:]
    /// What the workers separate with; without it only they can tell whether a model or a stem exists.
    var offers: OfferedModels?
    /// Whether callbacks may be plain HTTP addresses.
    var takesPlainCallbacks = false

    /// - Throws: a ``Problem`` when the option is there already with another value.
    mutating func add(_ name: String, _ value: String) throws {
        guard !value.isEmpty else { return }
        if let other = values[name], other != value {
            throw Problem(
                InvalidOption(name: name, value: value, rule: "it is also given as “\(other.prefix(64))”; give it once")
            )
        }
        values[name] = value
    }

    /// - Throws: a ``Problem`` that names the wrong option.
    func validated() throws -> JobOptions {
        do throws(InvalidOption) {
            let options = try JobOptions(validating: values)
            try offers?.check(options)
            if let callback = options.callback, !takesPlainCallbacks, !callback.lowercased().hasPrefix("https://") {
                throw InvalidOption(name: "callback", value: callback, rule: "it must be an https address here")
            }
            return options
        } catch {
            throw Problem(error)
        }
    }
}

extension Problem {
    static let emptySong = Problem(
        .emptyBody,
        detail: "The request has no song in it, or an empty one; send the audio file as the body or as a form's file.")

    static func unsupported(_ what: String, _ advice: String) -> Problem {
        Problem(.unsupportedMediaType, detail: "An upload cannot be \(what); \(advice).")
    }
}
