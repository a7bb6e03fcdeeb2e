import Encodings
public import Foundation
public import HTTPTransport

/// Something that happened to an object, whoever reported it: MinIO, AWS, Google Cloud Storage, or a CloudEvents broker. What
/// else it says of the object is left unread: the storage itself is asked.
public struct BucketEvent: Sendable, Equatable {
    /// What happened, always with the prefix `s3:`, as `s3:ObjectCreated:Put`.
    public var name: String
    /// The bucket.
    public var bucket: String
    /// The object's key as it was stored.
    public var key: String

    /// An event.
    public init(name: String, bucket: String, key: String) {
        self.name = name.hasPrefix("s3:") ? name : "s3:" + name
        self.bucket = bucket
        self.key = key
    }

    /// Whether an object is there that was not there before, or has another content.
    public var isCreation: Bool { name.hasPrefix("s3:ObjectCreated:") }

    /// The events in the body of a web request.
    ///
    /// Accepted are S3 records as MinIO and AWS send them, and CloudEvents 1.0 in binary, structured and batch mode whose data
    /// is such records, a single record, its `s3` part, the `detail` of Amazon EventBridge, or a Google Cloud Storage object.
    /// An empty body, `{}`, and the test event that AWS sends once are no events.
    /// - Throws: ``BucketEventError`` for anything else.
    public static func decode(body: Data, headers: HTTPHeaders = [:]) throws(BucketEventError) -> [BucketEvent] {
        guard body.contains(where: { $0 > 0x20 }) else { return [] }
        let json: JSONValue
        do {
            json = try JSONDecoder().decode(JSONValue.self, from: body)
        } catch {
            throw BucketEventError("The event is not JSON.")
        }
        var events: [BucketEvent] = []
        for event in try CloudEvent.unwrap(json, headers) { events += try event.bucketEvents() }
        return events
    }
}

/// Why something is not a bucket event.
public struct BucketEventError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The reason, a sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}
