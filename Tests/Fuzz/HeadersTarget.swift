import Encodings
import FetchFunction
import Foundation
import FunctionHost
import Observability
import SeparateFunction
import UploadFunction

/// Values of header fields, request targets, and file names. The first byte chooses.
enum HeadersTarget: FuzzTarget {
    static let name = "headers"

    static func run(_ input: Data) throws {
        guard let first = input.first else { return }
        let text = String(decoding: input.dropFirst(), as: UTF8.self)
        switch first % 8 {
        case 0:
            let size = Int(first) * 1000
            if case .bytes(let range) = RangeHeader(text, size: size) {
                precondition(!range.isEmpty && range.lowerBound >= 0 && range.upperBound <= size)
            }
        case 1: _ = EntityTags(text)?.contains("\"a\"")
        case 2: _ = HeaderValue(text)?.filename
        case 3:
            guard let target = RequestTarget(text) else { return }
            precondition(target.query.items.count <= 100)
            for segment in target.segments {
                precondition(segment.percentEncoded().percentDecoded() == segment)
            }
        case 4:
            let header = ContentDisposition.attachment(text)
            precondition(header.filter { $0 == "\"" }.count == 2)
            precondition(header.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f })
        case 5:
            let name = SongName(text).text
            precondition((1...SongName.maximumLength).contains(name.utf8.count))
            precondition(
                name.unicodeScalars.allSatisfy { $0 != "/" && $0 != "\\" && $0.value >= 0x20 && $0 != "\u{7f}" })
            precondition(!name.hasPrefix("."))
        case 6:
            precondition(TraceContext(traceparent: text).traceID.utf8.count == 32)
            precondition(!BearerToken("a-token").isIn(text) || text == "a-token" || text == "Bearer a-token")
        default: _ = QueryItems(text)
        }
    }
}
