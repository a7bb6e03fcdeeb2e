import Foundation

/// Which bytes a `Range` header asks for (RFC 9110, section 14).
package enum RangeHeader: Sendable, Equatable {
    /// Everything: there is no header, it is malformed, or it asks for several ranges, which a server may ignore.
    case whole
    case bytes(Range<Int>)
    /// Well formed, but beyond the end.
    case unsatisfiable

    package init(_ header: String?, size: Int) {
        self = .whole
        guard let header, let match = header.wholeMatch(of: /[Bb][Yy][Tt][Ee][Ss]=\s*([0-9]{0,18})-([0-9]{0,18})\s*/)
        else {
            return
        }
        switch (Int(match.1), Int(match.2)) {
        case (let first?, let last?) where last < first: break
        case (let first?, let last):
            self = first < size ? .bytes(first..<min(size, (last ?? size - 1) + 1)) : .unsatisfiable
        case (nil, let count?): self = count > 0 && size > 0 ? .bytes(max(0, size - count)..<size) : .unsatisfiable
        case (nil, nil): break
        }
    }

    var bytes: Range<Int>? { if case .bytes(let range) = self { range } else { nil } }

    var count: Int? { bytes?.count }
}

/// The entity tags of `If-None-Match`, compared weakly.
package struct EntityTags: Sendable {
    private let tags: Set<String>
    private let isAny: Bool

    package init?(_ header: String?) {
        guard let header else { return nil }
        isAny = header.trimmingCharacters(in: .whitespaces) == "*"
        tags = Set(header.matches(of: /"[^"]*"/).map { String($0.output) })
    }

    package func contains(_ tag: String) -> Bool { isAny || tags.contains(tag) }
}
