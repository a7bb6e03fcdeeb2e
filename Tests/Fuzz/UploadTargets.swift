import Foundation
import UploadFunction

/// `multipart/form-data`; the parts are the same however the network cuts the body.
enum MultipartTarget: FuzzTarget {
    static let name = "multipart"
    static var anatomy: (any Anatomy)? {
        let disposition = "\r\nContent-Disposition: form-data; name="
        return SeparatedAnatomy(
            "\r\n--b",
            spares: [
                disposition + "\"model\"\r\n\r\nstarter", disposition + "\"file\"; filename=\"a.mp3\"\r\n\r\nID3",
                disposition + "f; filename*=UTF-8''%41%FF\r\nContent-Type: audio/mpeg\r\n\r\n\r\n--a\r\n--\r\n-",
                disposition + "\"file\"; filename=\"\"\r\n\r\n", disposition + "\"a\\\"b\"; x=y;;\r\n\r\n", "--", "-",
                "--\r\n", " \t",
                "\r\n\r\n", "\r\n" + String(repeating: "A: b\r\n", count: 40) + "\r\n",
                "\r\nContent-Type: a\nb\r\n\r\nx",
                "\r\n: \r\n\r\n", "\r\n" + String(repeating: "\r\n-", count: 60), disposition + "\"é\u{301}\"\r\n\r\n",
            ], lead: 1)
    }

    static func run(_ input: Data) throws {
        // The first byte says where to cut.
        guard let first = input.first else { return }
        let body = Data(input.dropFirst())
        let cut = Int(first) * body.count / 256
        let whole = parts([body])
        precondition(whole == parts([Data(body.prefix(cut)), Data(body.dropFirst(cut))]))
        precondition(whole == parts(body.map { Data([$0]) }))
        for part in whole ?? [] { _ = part.headers["content-disposition"].flatMap { HeaderValue($0) }?.filename }
    }

    private struct Part: Equatable {
        var headers: [String: String]
        var body = Data()
    }

    /// - Returns: nil when the form is refused.
    private static func parts(_ chunks: [Data]) -> [Part]? {
        guard var parser = MultipartParser(boundary: "b") else { return nil }
        var parts: [Part] = []
        do {
            for chunk in chunks {
                parser.append(chunk)
                while let event = try parser.next() {
                    switch event {
                    case .part(let headers): parts.append(Part(headers: headers))
                    case .bytes(let bytes): parts[parts.count - 1].body.append(bytes)
                    case .partEnd, .end: break
                    }
                }
            }
            try parser.finish()
            return parts
        } catch {
            precondition(!error.reason.isEmpty)
            return nil
        }
    }
}
