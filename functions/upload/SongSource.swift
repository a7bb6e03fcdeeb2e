import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ServiceContract

/// The song in a request, whichever way it is sent: its name, its type, its options, and its bytes as they come.
struct SongSource: Sendable {
    let filename: String
    let contentType: String
    let options: JobOptions
    let stream: ByteStream
    /// The song's size in bytes when it is known beforehand.
    let length: Int?

    /// Reads up to the song's first bytes.
    ///
    /// - Throws: a ``Problem`` when an option or the form is wrong, or there is no song.
    init(_ request: FunctionRequest, options: OptionFields) async throws {
        let type = request.headers[.contentType].flatMap { HeaderValue($0) }
        if type?.value.lowercased() == "multipart/form-data" {
            try await self.init(form: request, type: type, options: options)
        } else {
            try await self.init(raw: request, type: type?.value, options: options)
        }
    }

    private init(raw request: FunctionRequest, type: String?, options: OptionFields) async throws {
        let disposition = request.headers[.contentDisposition].flatMap { HeaderValue($0) }
        let header = request.header("X-Filename").map { PercentEncoding.decode($0, plusIsSpace: false) ?? $0 }
        let given = request.query["filename"] ?? header ?? disposition?.filename
        let song = SongStream(request.body.reader())
        guard try await song.hasBytes() else { throw Problem.emptySong }
        self.init(
            name: given, type: type, options: try options.validated(),
            stream: ByteStream(next: { try await song.next() }), length: request.body.declaredLength)
    }

    private init(form request: FunctionRequest, type: HeaderValue?, options: OptionFields) async throws {
        guard let boundary = type?.parameters["boundary"], let parser = MultipartParser(boundary: boundary) else {
            throw Problem.badForm("its Content-Type has no usable boundary")
        }
        let form = FormReader(request.body.reader(), parser: parser)
        var options = options
        let file = try await form.file { name, value in try options.add(name, value) }
        let validated = try options.validated()
        guard try await form.hasBytes() else { throw Problem.emptySong }
        self.init(
            name: request.query["filename"] ?? file.filename, type: file.contentType, options: validated,
            stream: ByteStream(next: { try await form.next() }),
            length: nil)
    }

    private init(name: String?, type: String?, options: JobOptions, stream: ByteStream, length: Int?) {
        let name = name.flatMap { $0.isEmpty ? nil : SongName($0) } ?? SongName.fallback(contentType: type)
        filename = name.text
        let media = type?.lowercased() ?? ""
        let isMedia = media.hasPrefix("audio/") || media.hasPrefix("video/")
        contentType = isMedia ? media : name.contentType ?? "application/octet-stream"
        self.options = options
        self.stream = stream
        self.length = length
    }
}

/// A raw body whose first chunk was looked at.
private actor SongStream {
    private let reader: FunctionBody.Reader
    private var first: Data?

    init(_ reader: FunctionBody.Reader) { self.reader = reader }

    func hasBytes() async throws -> Bool {
        while first?.isEmpty ?? true {
            guard let chunk = try await reader.next() else { return false }
            first = chunk
        }
        return true
    }

    func next() async throws -> Data? {
        if let chunk = first {
            first = nil
            return chunk
        }
        return try await reader.next()
    }
}
