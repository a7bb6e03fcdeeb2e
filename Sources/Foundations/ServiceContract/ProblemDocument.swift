import Encodings
package import Foundation

/// An error as it travels: `application/problem+json` (RFC 9457).
///
/// `type` is stable and can be programmed against; `detail` is a sentence for people that says what to do.
package struct ProblemDocument: Codable, Sendable, Equatable {
    /// `urn:msaas:problem:` and the kind of problem.
    package var type: String
    /// The kind of problem in a few words, always the same for a type.
    package var title: String
    /// The HTTP status.
    package var status: Int
    /// What happened and what to do; nil when nothing can be told.
    package var detail: String?
    /// `urn:msaas:request:` and the request's id.
    package var instance: String
    /// The request's id, by which the log has more.
    package var requestId: String
    /// Further members by name, for programs; one of the names above is not written.
    package var extensions: [String: JSONValue]

    /// The problem of one request.
    package init(
        type: String, title: String, status: Int, detail: String?, requestID: String,
        extensions: [String: JSONValue] = [:]
    ) {
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        instance = "urn:msaas:request:\(requestID)"
        requestId = requestID
        self.extensions = extensions
    }

    /// Reads the problem of any server: what RFC 9457 leaves optional may be missing.
    package init(from decoder: any Decoder) throws {
        let members = try decoder.singleValueContainer().decode([String: JSONValue].self)
        type = members["type"]?.string ?? "about:blank"
        title = members["title"]?.string ?? ""
        status = members["status"]?.int ?? 0
        detail = members["detail"]?.string
        instance = members["instance"]?.string ?? ""
        requestId = members["requestId"]?.string ?? ""
        extensions = members.filter { !Self.names.contains($0.key) }
    }

    /// Writes all members into one object.
    package func encode(to encoder: any Encoder) throws {
        var members = extensions.filter { !Self.names.contains($0.key) }
        members["type"] = .string(type)
        members["title"] = .string(title)
        members["status"] = .int(status)
        members["detail"] = detail.map { .string($0) }
        members["instance"] = .string(instance)
        members["requestId"] = .string(requestId)
        var container = encoder.singleValueContainer()
        try container.encode(members)
    }

    private static let names: Set = ["type", "title", "status", "detail", "instance", "requestId"]
}

extension JSONEncoder {
    /// Writes what travels: sorted keys, slashes as they are, times as ISO 8601 in whole seconds.
    package static var contract: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        return encoder
    }
}

extension JSONDecoder {
    /// Reads what ``Foundation/JSONEncoder/contract`` writes.
    package static var contract: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return decoder
    }
}
