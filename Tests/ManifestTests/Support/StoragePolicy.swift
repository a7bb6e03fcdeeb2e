import Foundation
import TestSupport

/// A policy of the storage, as `k8s/base/storage` has one for each role: what is allowed, and of what.
struct StoragePolicy {
    /// An action on what a pattern names.
    struct Right: Hashable, CustomStringConvertible {
        var action: String
        var resource: String

        init(_ action: String, _ resource: String) { (self.action, self.resource) = (action, resource) }

        var description: String { "\(action) of \(resource)" }
    }

    /// Everything that is allowed.
    let rights: Set<Right>

    private struct Document: Decodable {
        struct Statement: Decodable {
            var Effect: String
            var Action: [String]
            var Resource: [String]
        }
        var Version: String
        var Statement: [Statement]
    }

    /// - Throws: when the file holds anything but plain permissions, without a pattern among its actions.
    init(of role: String) throws {
        let text = try Project.text(of: "k8s/base/storage/\(role).json")
        let document = try JSONDecoder().decode(Document.self, from: Data(text.utf8))
        let allowed = try document.Statement.flatMap { statement in
            guard statement.Effect == "Allow", document.Version == "2012-10-17" else {
                throw TestFailure("\(role).json has a statement that is read in no other way here: \(statement)")
            }
            return try statement.Action.flatMap { action in
                try statement.Resource.map { resource in
                    let prefix = "arn:aws:s3:::"
                    guard resource.hasPrefix(prefix), !action.contains("*"), action.hasPrefix("s3:") else {
                        throw TestFailure("\(role).json allows \(action) of \(resource)")
                    }
                    return Right(action, String(resource.dropFirst(prefix.count)))
                }
            }
        }
        rights = Set(allowed)
        guard rights.count == allowed.count else { throw TestFailure("\(role).json says something twice") }
    }

    /// The right by which an action is allowed.
    func right(to wish: Right) -> Right? {
        rights.first { right in
            right.action == wish.action
                && (right.resource == wish.resource
                    || right.resource.hasSuffix("/*") && wish.resource.hasPrefix(right.resource.dropLast()))
        }
    }

    /// What a request needs, as MinIO and Amazon have it; `METHOD /path?query HTTP/1.1`, perhaps `copy SOURCE`.
    static func actions(of request: String) throws -> [Right] {
        let words = request.split(separator: " ").map(String.init)
        let parts = words[1].split(separator: "?", maxSplits: 1).map(String.init)
        let names = Set(
            (parts.count > 1 ? parts[1] : "").split(separator: "&").map { String($0.prefix { $0 != "=" }) })
        let path = parts[0].split(separator: "/", maxSplits: 1).map { $0.removingPercentEncoding ?? "" }
        guard let bucket = path.first else { return [Right("s3:ListAllMyBuckets", "*")] }
        guard path.count > 1, !path[1].isEmpty else {
            return [Right(try bucketAction(words[0], names), words[0] == "POST" ? bucket + "/any" : bucket)]
        }
        let object = path.joined(separator: "/")
        switch words[0] {
        // What is not there is only said to be missing to whoever may list the bucket.
        case "GET" where names.contains("uploadId"): return [Right("s3:ListMultipartUploadParts", object)]
        case "GET", "HEAD": return [Right("s3:GetObject", object), Right("s3:ListBucket", bucket)]
        case "DELETE" where names.contains("uploadId"): return [Right("s3:AbortMultipartUpload", object)]
        case "DELETE": return [Right("s3:DeleteObject", object)]
        case "PUT", "POST":
            let source = words.firstIndex(of: "copy").map { words[$0 + 1].drop { $0 == "/" } }
            return [Right("s3:PutObject", object)] + (source.map { [Right("s3:GetObject", String($0))] } ?? [])
        default: throw TestFailure("nobody knows what \(request) needs")
        }
    }

    private static func bucketAction(_ method: String, _ names: Set<String>) throws -> String {
        switch method {
        case "GET" where names.contains("notification"): "s3:GetBucketNotification"
        case "PUT" where names.contains("notification"): "s3:PutBucketNotification"
        case "GET" where names.contains("lifecycle"): "s3:GetLifecycleConfiguration"
        case "PUT" where names.contains("lifecycle"): "s3:PutLifecycleConfiguration"
        case "DELETE" where names.contains("lifecycle"): "s3:PutLifecycleConfiguration"
        case "GET" where names.contains("location"): "s3:GetBucketLocation"
        case "GET" where names.contains("uploads"): "s3:ListBucketMultipartUploads"
        case "GET", "HEAD": "s3:ListBucket"
        case "PUT" where names.isEmpty: "s3:CreateBucket"
        case "POST" where names.contains("delete"): "s3:DeleteObject"
        default: throw TestFailure("nobody knows what \(method) with \(names) needs")
        }
    }
}
