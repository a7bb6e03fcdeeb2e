import Encodings
import Foundation
import ObjectStorage

/// Who did something to an object, for the event about it.
struct EventContext: Sendable {
    var name: String
    var accessKey: String
    var remoteAddress: String
    var userAgent: String
    var requestID: String
    var deploymentID: String
    var origin: String
}

/// The body of a MinIO webhook: one record in the form of an S3 event, with the name and the key once more outside of it.
/// Fields that are empty are left out, as MinIO does.
struct EventDocument: Encodable {
    var EventName: String
    var Key: String
    var Records: [Record]

    struct Record: Encodable {
        var eventVersion = "2.0"
        var eventSource = "minio:s3"
        var awsRegion = ""
        var eventTime: String
        var eventName: String
        var userIdentity: Principal
        var requestParameters: [String: String]
        var responseElements: [String: String]
        var s3: Storage
        var source: [String: String]
    }

    struct Principal: Encodable { var principalId: String }

    struct Storage: Encodable {
        var s3SchemaVersion = "1.0"
        var configurationId = "Config"
        var bucket: Bucket
        var object: Object
    }

    struct Bucket: Encodable {
        var name: String
        var ownerIdentity: Principal
        var arn: String
    }

    struct Object: Encodable {
        var key: String
        var size: Int?
        var eTag: String?
        var contentType: String?
        var userMetadata: [String: String]?
        var sequencer: String
    }

    init(_ context: EventContext, bucket: String, key: String, object: ObjectRecord?, sequencer: String, now: Date) {
        let principal = Principal(principalId: context.accessKey)
        EventName = context.name
        Key = "\(bucket)/\(key)"
        var described = Object(key: key.percentEncoded().replacing("%20", with: "+"), sequencer: sequencer)
        if let object {
            described.size = object.size > 0 ? object.size : nil
            described.eTag = object.eTag
            described.contentType = object.contentType
            var metadata = ["content-type": object.contentType]
            for (name, value) in object.metadata { metadata["X-Amz-Meta-\(name.headerCased)"] = value }
            described.userMetadata = metadata
        }
        Records = [
            Record(
                eventTime: Timestamp.milliseconds(now), eventName: context.name, userIdentity: principal,
                requestParameters: [
                    "accessKey": context.accessKey, "region": "", "sourceIPAddress": context.remoteAddress,
                ],
                responseElements: [
                    "x-amz-request-id": context.requestID, "x-minio-deployment-id": context.deploymentID,
                    "x-minio-origin-endpoint": context.origin,
                ],
                s3: Storage(
                    bucket: Bucket(name: bucket, ownerIdentity: principal, arn: "arn:aws:s3:::\(bucket)"),
                    object: described),
                source: ["host": context.remoteAddress, "port": "", "userAgent": context.userAgent])
        ]
    }

    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

extension String {
    /// `two-stems` → `Two-Stems`, as Go's `http.Header` writes names.
    fileprivate var headerCased: String {
        split(separator: "-", omittingEmptySubsequences: false)
            .map { $0.prefix(1).uppercased() + $0.dropFirst().lowercased() }.joined(separator: "-")
    }
}
