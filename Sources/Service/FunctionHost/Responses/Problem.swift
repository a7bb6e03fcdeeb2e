import Foundation

/// An error as the client sees it: `application/problem+json` (RFC 9457).
///
/// `type` is stable and can be programmed against; `detail` is a sentence for people that says what to do.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// `urn:msaas:problem:` and the kind of problem.
    public var type: String
    /// The kind of problem in a few words, always the same for a type.
    public var title: String
    /// The HTTP status.
    public var status: Int
    /// What happened and what to do; empty when nothing can be told.
    public var detail: String
    /// Further members by name, for programs.
    public var extensions: [String: String]
    /// Headers that go with the answer, such as `Retry-After`.
    public var headers: HTTPFields

    /// A problem of the type `urn:msaas:problem:{name}`.
    public init(
        _ name: String, title: String, status: Int, detail: String, extensions: [String: String] = [:],
        headers: HTTPFields = [:]
    ) {
        type = "urn:msaas:problem:\(name)"
        self.title = title
        self.status = status
        self.detail = detail
        self.extensions = extensions
        self.headers = headers
    }

    /// Status, title and detail in one line, for logs.
    public var description: String { "\(status) \(title): \(detail)" }

    /// The JSON text, with `instance` naming the request.
    func json(requestID: String) -> Data {
        var members: [String: JSONMember] = extensions.mapValues { .text($0) }
        members["type"] = .text(type)
        members["title"] = .text(title)
        members["status"] = .number(status)
        members["detail"] = detail.isEmpty ? nil : .text(detail)
        members["instance"] = .text("urn:msaas:request:\(requestID)")
        members["requestId"] = .text(requestID)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ((try? encoder.encode(members)) ?? Data("{}".utf8)) + Data("\n".utf8)
    }

    private enum JSONMember: Encodable {
        case text(String)
        case number(Int)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let value): try container.encode(value)
            case .number(let value): try container.encode(value)
            }
        }
    }
}

/// An error that knows how it looks to a client. Errors that do not are answered with an empty 500.
public protocol ProblemConvertible: Error {
    /// What the client gets.
    var problem: Problem { get }
}
