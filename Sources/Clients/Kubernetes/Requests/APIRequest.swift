public import Foundation

/// One call of the API, independent of any cluster: `description` is its text.
public struct APIRequest: Sendable, Equatable {
    /// Which call it is.
    public let call: APICall
    /// The namespace; `nil` for what belongs to the cluster.
    public let namespace: String?
    /// The object's name; `nil` for lists and creations.
    public let name: String?
    /// The query, in order, not encoded.
    public var query: [Field] = []
    /// The media type of the body.
    public let contentType: String?
    /// The body, JSON.
    public let body: Data?

    /// A field of the query.
    public struct Field: Sendable, Equatable {
        /// Its name.
        public var name: String
        /// Its value.
        public var value: String
    }

    init(_ call: APICall, namespace: String?, name: String? = nil, contentType: String? = nil, body: Data? = nil) {
        self.call = call
        self.namespace = namespace
        self.name = name
        self.contentType = contentType
        self.body = body
    }

    /// The HTTP method.
    public var method: String { call.method }

    /// The path, percent-encoded.
    public var path: String {
        let permission = call.permission
        let parts = permission.resource.split(separator: "/", maxSplits: 1)
        var path = permission.group.isEmpty ? "/api/v1" : "/apis/\(permission.group)/v1"
        if let namespace { path += "/namespaces/\(namespace.percentEncoded)" }
        path += "/\(parts[0])"
        if let name { path += "/\(name.percentEncoded)" }
        if parts.count > 1 { path += "/\(parts[1])" }
        return path
    }

    /// The path with the query.
    public var target: String {
        guard !query.isEmpty else { return path }
        return path + "?" + query.map { "\($0.name)=\($0.value.percentEncoded)" }.joined(separator: "&")
    }
}

extension APIRequest: CustomStringConvertible {
    /// Method and target, the media type, and the body.
    public var description: String {
        var text = "\(method) \(target)"
        if let contentType { text += "\nContent-Type: \(contentType)" }
        if let body { text += "\n\n" + String(decoding: body, as: UTF8.self) }
        return text
    }
}

extension String {
    /// With everything but unreserved characters escaped (RFC 3986, section 2.3).
    var percentEncoded: String {
        var text = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                text += byte < 16 ? "%0" : "%"
                text += String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }
}
