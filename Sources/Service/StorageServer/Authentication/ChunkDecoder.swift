/// Takes apart a body in `aws-chunked` encoding, with or without chunk signatures and trailing header fields.
///
/// ```
/// 10000;chunk-signature=…\r\n  65,536 bytes  \r\n  …  0;chunk-signature=…\r\n  x-amz-checksum-crc32:…\r\n  \r\n
/// ```
package struct ChunkDecoder {
    /// What was found.
    package enum Event {
        case chunk(signature: String?)
        case data(UnsafeRawBufferPointer)
        case chunkEnd
        case trailer(name: String, value: String)
    }

    private enum State: Equatable {
        case size
        case data(Int)
        case dataEnd
        case trailers
        case done
    }

    private var state = State.size
    private var line: [UInt8] = []

    /// Whether the closing chunk and, if there are any, its trailers have come.
    package private(set) var isComplete = false

    /// At the beginning of a body.
    package init() {}

    /// Reads bytes and reports what they are, in order.
    package mutating func decode(_ bytes: UnsafeRawBufferPointer, _ report: (Event) throws -> Void) throws {
        var position = 0
        while position < bytes.count {
            switch state {
            case .data(let left):
                let count = min(left, bytes.count - position)
                try report(.data(UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])))
                position += count
                if count == left {
                    try report(.chunkEnd)
                    state = .dataEnd
                } else {
                    state = .data(left - count)
                }
            case .size, .dataEnd, .trailers:
                let byte = bytes[position]
                position += 1
                guard byte == UInt8(ascii: "\n") else {
                    line.append(byte)
                    guard line.count <= 8192 else { throw S3Failure.malformedChunk }
                    continue
                }
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                let text = String(decoding: line, as: UTF8.self)
                line = []
                try endLine(text, report)
            case .done:
                // Some clients close the trailers with one line end more.
                guard bytes[position] == UInt8(ascii: "\r") || bytes[position] == UInt8(ascii: "\n") else {
                    throw S3Failure.malformedChunk
                }
                position += 1
            }
        }
    }

    private mutating func endLine(_ text: String, _ report: (Event) throws -> Void) throws {
        switch state {
        case .size:
            let words = text.split(separator: ";", maxSplits: 1)
            guard let word = words.first?.trimmed, word.utf8.count <= 8, word.utf8.allSatisfy({ $0.hexValue != nil }),
                let size = Int(word, radix: 16), size >= 0
            else {
                throw S3Failure.malformedChunk
            }
            let signature = words.dropFirst().first.flatMap { parameter in
                parameter.trimmed.split(separator: "=", maxSplits: 1).last.map(String.init)
            }
            try report(.chunk(signature: signature))
            if size > 0 {
                state = .data(size)
            } else {
                try report(.chunkEnd)
                state = .trailers
                isComplete = true
            }
        case .dataEnd:
            guard text.isEmpty else { throw S3Failure.malformedChunk }
            state = .size
        case .trailers:
            guard !text.isEmpty else {
                state = .done
                return
            }
            guard let colon = text.firstIndex(of: ":") else { throw S3Failure.malformedChunk }
            try report(
                .trailer(name: text[..<colon].trimmed.lowercased(), value: text[text.index(after: colon)...].trimmed))
        case .data, .done: break
        }
    }
}

extension StringProtocol {
    /// Without white space at the ends.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}
