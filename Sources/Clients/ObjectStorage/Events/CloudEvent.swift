import Encodings
import Foundation
import HTTPTransport

/// A CloudEvent (CloudEvents 1.0, HTTP protocol binding) or, without attributes, a bare document.
struct CloudEvent {
    var type: String?
    var data: JSONValue

    /// The events that a request's body holds.
    static func unwrap(_ json: JSONValue, _ headers: HTTPHeaders) throws(BucketEventError) -> [CloudEvent] {
        let mediaType = headers["Content-Type"]?.lowercased() ?? ""
        if mediaType.hasPrefix("application/cloudevents-batch") || json.array != nil {
            guard let events = json.array else { throw BucketEventError("The batch of events is not a JSON array.") }
            return try events.map(CloudEvent.init(structured:))
        }
        if mediaType.hasPrefix("application/cloudevents") || (json["specversion"] != nil && json["type"] != nil) {
            return [try CloudEvent(structured: json)]
        }
        return [CloudEvent(type: headers["ce-type"], data: json)]
    }

    private init(type: String?, data: JSONValue) {
        self.type = type
        self.data = data
    }

    private init(structured json: JSONValue) throws(BucketEventError) {
        guard json["specversion"]?.text != nil, let type = json["type"]?.text else {
            throw BucketEventError("The CloudEvent has no specversion or no type.")
        }
        var data = json["data"] ?? .null
        if let encoded = json["data_base64"]?.text {
            guard let bytes = Data(base64Encoded: encoded),
                let decoded = try? JSONDecoder().decode(JSONValue.self, from: bytes)
            else { throw BucketEventError("The CloudEvent's data_base64 is not JSON in Base64.") }
            data = decoded
        }
        self.init(type: type, data: data)
    }

    func bucketEvents() throws(BucketEventError) -> [BucketEvent] {
        if let records = data["Records"] {
            guard let records = records.array else { throw BucketEventError("“Records” is not a list.") }
            return try records.map(BucketEvent.init(record:))
        }
        if data["s3"] != nil { return [try BucketEvent(record: data)] }
        if data["Event"]?.text == "s3:TestEvent" || (data.object?.isEmpty == true && type == nil) { return [] }
        if let detail = data["detail"] { return [try BucketEvent(detail: detail, type: data["detail-type"]?.text)] }
        if data["bucket"]?["name"] != nil, data["object"]?["key"] != nil {
            return [try BucketEvent(detail: data, type: type)]
        }
        if let type, type.hasPrefix("google.cloud.storage.object.v1.") {
            return [try BucketEvent(googleObject: data, type: type)]
        }
        throw BucketEventError("The document is not a bucket event: it has no “Records”.")
    }
}

extension BucketEvent {
    /// One of `Records`, as MinIO and AWS write them; its key is escaped as in a query.
    init(record: JSONValue) throws(BucketEventError) {
        guard let name = record["eventName"]?.text else { throw BucketEventError("A record has no “eventName”.") }
        guard let bucket = record["s3"]?["bucket"]?["name"]?.text else {
            throw BucketEventError("A record has no “s3.bucket.name”.")
        }
        guard let escaped = record["s3"]?["object"]?["key"]?.text else {
            throw BucketEventError("A record has no “s3.object.key”.")
        }
        guard let key = escaped.percentDecoded(plusIsSpace: true) else {
            throw BucketEventError("The key of a record is not properly escaped.")
        }
        self.init(name: name, bucket: bucket, key: key)
    }

    /// The `detail` of Amazon EventBridge, or the `s3` part of a record; the key of the former is not escaped.
    init(detail: JSONValue, type: String?) throws(BucketEventError) {
        guard let bucket = detail["bucket"]?["name"]?.text, let key = detail["object"]?["key"]?.text else {
            throw BucketEventError("The event has no “bucket.name” or no “object.key”.")
        }
        let isRecord = detail["s3SchemaVersion"] != nil
        guard let unescaped = isRecord ? key.percentDecoded(plusIsSpace: true) : key else {
            throw BucketEventError("The key of the event is not properly escaped.")
        }
        let type = type ?? ""
        let name: String
        if let range = type.range(of: "Object(Created|Removed)[:.][A-Za-z]+", options: .regularExpression) {
            name = type[range].replacingOccurrences(of: ".", with: ":")
        } else if type.hasSuffix("Object Created") {
            name = "ObjectCreated:" + (detail["reason"]?.text ?? "Put").replacingOccurrences(of: "Object", with: "")
        } else if type.hasSuffix("Object Deleted") {
            name = "ObjectRemoved:Delete"
        } else {
            throw BucketEventError("The event's type “\(type)” is not known.")
        }
        self.init(name: name, bucket: bucket, key: unescaped)
    }

    /// The object of a Google Cloud Storage event (`google.cloud.storage.object.v1.finalized`).
    init(googleObject object: JSONValue, type: String) throws(BucketEventError) {
        guard let bucket = object["bucket"]?.text, let key = object["name"]?.text else {
            throw BucketEventError("The event has no “bucket” or no “name”.")
        }
        let name =
            switch type.split(separator: ".").last {
            case "finalized": "ObjectCreated:Put"
            case "deleted": "ObjectRemoved:Delete"
            case let last: "ObjectMetadata:\(last ?? "")"
            }
        self.init(name: name, bucket: bucket, key: key)
    }
}

extension JSONValue {
    /// A string that is not empty; some senders write an empty one for "none".
    fileprivate var text: String? { string.flatMap { $0.isEmpty ? nil : $0 } }
}
