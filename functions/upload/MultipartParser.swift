import Foundation

/// Cuts `multipart/form-data` (RFC 7578, RFC 2046) into its parts while it comes in.
///
/// Bytes go in through ``append(_:)``, events come out of ``next()``. At most one header block or one delimiter is
/// held back; bytes of a part are slices of what came in and not copies. The result does not depend on how the bytes are
/// cut into chunks, except for where body pieces end.
package struct MultipartParser: Sendable {
    package enum Event: Sendable, Equatable {
        /// A part begins; its headers by their names in lower case.
        case part(headers: [String: String])
        /// Bytes of the part.
        case bytes(Data)
        /// The part is complete.
        case partEnd
        /// The last delimiter was read. What comes after it is ignored.
        case end
    }

    /// Why the body is no form, for a sentence that begins with “The form cannot be read: ”.
    package struct Malformed: Error, Equatable {
        package let reason: String
    }

    /// The longest header block of a part in bytes.
    package static let headerLimit = 16 << 10
    private static let paddingLimit = 64
    private static let blankLine = Array("\r\n\r\n".utf8)

    private enum State {
        case preamble, headers, body, epilogue
    }

    private let delimiter: [UInt8]
    private var state = State.preamble
    /// What was not used yet. Begins with a line end of its own, so that the first delimiter looks like all others.
    private var buffer = Data("\r\n".utf8)
    private var isInPart = false
    private var hasEnded = false

    /// - Returns: nil when the boundary is not one (RFC 2046, section 5.1.1).
    package init?(boundary: String) {
        let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'()+_,-./:=? ".utf8)
        guard (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy(allowed.contains),
            boundary.last != " "
        else { return nil }
        delimiter = Array("\r\n--\(boundary)".utf8)
    }

    /// Gives the parser more of the body.
    package mutating func append(_ data: Data) {
        guard state != .epilogue else { return }
        if buffer.isEmpty { buffer = data } else { buffer.append(data) }
    }

    /// How many bytes came in and are not in an event yet.
    package var bufferedCount: Int { buffer.count }

    /// Tells that the body is complete.
    ///
    /// - Throws: ``Malformed`` when its last delimiter is missing.
    package mutating func finish() throws(Malformed) {
        guard state == .epilogue else {
            throw Malformed(reason: "its last boundary is missing, so a part of it is lost")
        }
    }

    /// The next event, or nil when more bytes are needed.
    package mutating func next() throws(Malformed) -> Event? {
        while true {
            let step =
                switch state {
                case .preamble, .body: scan()
                case .headers: try headers()
                case .epilogue: ending()
                }
            switch step {
            case .event(let event): return event
            case .goOn: continue
            case .needsMore: return nil
            }
        }
    }

    private enum Step {
        case event(Event), goOn, needsMore
    }

    /// What stands behind the bytes of a delimiter.
    private enum Tail {
        /// The end of the form.
        case close
        /// A line end, after so many bytes of padding: a part begins.
        case part(padding: Int)
        /// Something else: these are bytes like any others.
        case falseAlarm
        /// Not here yet.
        case unknown
    }

    /// Takes everything up to the next delimiter, or up to where one could begin. Each byte is looked at a bounded number of
    /// times, however many near misses there are.
    private mutating func scan() -> Step {
        var searched = 0
        while let hit = buffer.offset(of: delimiter, from: searched) {
            switch tail(after: hit) {
            case .falseAlarm: searched = hit + delimiter.count
            case _ where hit > 0: return give(hit)
            case .unknown: return .needsMore
            case .close:
                state = .epilogue
                buffer = Data()
                return endPart()
            case .part(let padding):
                // The line end stays: an empty header block is then two line ends like any other.
                _ = take(delimiter.count + padding)
                state = .headers
                return endPart()
            }
        }
        return give(buffer.count - buffer.lengthOfEnd(thatBegins: delimiter))
    }

    private func tail(after hit: Int) -> Tail {
        let rest = buffer.dropFirst(hit + delimiter.count).prefix(Self.paddingLimit)
        let padding = rest.prefix { $0 == 0x20 || $0 == 0x09 }
        let tail = rest.dropFirst(padding.count).prefix(2)
        if padding.isEmpty, tail.elementsEqual([0x2d, 0x2d]) { return .close }
        if tail.elementsEqual([0x0d, 0x0a]) { return .part(padding: padding.count) }
        let mayGoOn = tail.isEmpty || tail.elementsEqual([0x0d]) || padding.isEmpty && tail.elementsEqual([0x2d])
        return mayGoOn && rest.count < Self.paddingLimit ? .unknown : .falseAlarm
    }

    private mutating func give(_ count: Int) -> Step {
        guard count > 0 else { return .needsMore }
        let bytes = take(count)
        return state == .body ? .event(.bytes(bytes)) : .goOn
    }

    private mutating func endPart() -> Step {
        guard isInPart else { return .goOn }
        isInPart = false
        return .event(.partEnd)
    }

    private mutating func ending() -> Step {
        guard !hasEnded else { return .needsMore }
        hasEnded = true
        return .event(.end)
    }

    private mutating func headers() throws(Malformed) -> Step {
        let end = buffer.offset(of: Self.blankLine, from: 0)
        guard end ?? buffer.count <= Self.headerLimit else { throw Malformed(reason: "a part's headers are too long") }
        guard let end else { return .needsMore }
        let block = take(end + 4)
        let text = String(validating: block, as: UTF8.self) ?? String(block.map { Character(Unicode.Scalar($0)) })
        var headers: [String: String] = [:]
        for line in text.split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":") else {
                throw Malformed(reason: "a part has a line that is no header")
            }
            // A bare CR or LF among them: such a value could end a header that it is passed on in.
            guard line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
                throw Malformed(reason: "a part has a header with a control character")
            }
            let name = line[..<colon].lowercased()
            guard headers[name] == nil else { continue }
            headers[name] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        state = .body
        isInPart = true
        return .event(.part(headers: headers))
    }

    private mutating func take(_ count: Int) -> Data {
        let bytes = buffer.prefix(count)
        buffer = buffer.count == count ? Data() : buffer.dropFirst(count)
        return bytes
    }
}

extension Data {
    /// Where `pattern` first occurs at or after `start`; both counted from the beginning. Its first byte occurs in it only
    /// once or is rare, so that looking for that byte makes few comparisons.
    fileprivate func offset(of pattern: [UInt8], from start: Int) -> Int? {
        withUnsafeBytes { bytes -> Int? in
            guard let base = bytes.baseAddress else { return nil }
            var start = start
            while start + pattern.count <= bytes.count {
                let length = bytes.count - pattern.count + 1 - start
                guard let hit = memchr(base + start, Int32(pattern[0]), length) else { return nil }
                if memcmp(hit, pattern, pattern.count) == 0 { return UnsafeRawPointer(hit) - base }
                start = UnsafeRawPointer(hit) - base + 1
            }
            return nil
        }
    }

    /// How many bytes at the end could be the beginning of `pattern`, whose first byte occurs in it only once.
    fileprivate func lengthOfEnd(thatBegins pattern: [UInt8]) -> Int {
        let end = suffix(pattern.count - 1)
        guard let last = end.lastIndex(of: pattern[0]) else { return 0 }
        let tail = end[last...]
        return pattern.starts(with: tail) ? tail.count : 0
    }
}
