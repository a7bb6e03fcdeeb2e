import Encodings
import Foundation
import Hummingbird
import ObjectStorage

/// Buckets: which there are, what tells of their changes, when their objects go, and what is in them.
extension S3Service {
    func listBuckets() async throws -> Response {
        let buckets = await catalog.bucketList()
        return .xml("ListAllMyBucketsResult") { xml in
            xml.element("Owner") { xml in
                xml.element("ID", "02d6176db174dc93cb1b899f7c6078f08654445fe8cf1b6ce98d8855f66bdbf4")
                xml.element("DisplayName", "")
            }
            xml.element("Buckets") { xml in
                for bucket in buckets {
                    xml.element("Bucket") { xml in
                        xml.element("Name", bucket.name)
                        xml.element("CreationDate", Timestamp.milliseconds(bucket.created))
                    }
                }
            }
        }
    }

    /// Empty for `us-east-1`, which is no place to S3.
    func location(_ bucket: String) async throws -> Response {
        try await catalog.checkBucket(bucket)
        var xml = XMLWriter()
        xml.element("LocationConstraint", namespace: XMLWriter.s3) { xml in
            if region != "us-east-1" { xml.text(region) }
        }
        return .xml(xml.text)
    }

    func versioning(_ bucket: String) async throws -> Response {
        try await catalog.checkBucket(bucket)
        return .xml("VersioningConfiguration") { _ in }
    }

    func notification(_ bucket: String) async throws -> Response {
        let entries = try await catalog.notifications(bucket).map {
            QueueConfiguration(id: $0.id, arn: $0.arn, events: $0.events, prefix: $0.prefix, suffix: $0.suffix)
        }
        return .xml(QueueConfiguration.document(entries, isRequest: false))
    }

    func setNotification(_ call: Call, _ bucket: String) async throws -> Response {
        let document = try await call.document()
        guard document.name == "NotificationConfiguration" else { throw S3Failure.malformedXML }
        guard document.all("TopicConfiguration").isEmpty, document.all("CloudFunctionConfiguration").isEmpty else {
            throw S3Failure.unknownTarget
        }
        var entries: [BucketRecord.Notification] = []
        for element in document.all("QueueConfiguration") {
            let entry = QueueConfiguration(element)
            guard !entry.events.isEmpty, entry.events.allSatisfy({ $0.hasPrefix("s3:Object") }) else {
                throw S3Failure.invalidArgument("A specified event is not supported for notifications.")
            }
            entries.append(
                .init(id: entry.id, arn: entry.arn, events: entry.events, prefix: entry.prefix, suffix: entry.suffix))
        }
        try await catalog.setNotifications(bucket, entries)
        return .empty()
    }

    func expiry(_ bucket: String) async throws -> Response {
        let rules = try await catalog.expiry(bucket)
        guard !rules.isEmpty else { throw S3Failure.noLifecycle }
        return .xml(
            ExpiryRule.document(
                rules.map { ExpiryRule(id: $0.id, prefix: $0.prefix, days: $0.days) }, declaration: false))
    }

    /// Takes rules that remove objects after days; refuses all others rather than store what it does not do.
    func setExpiry(_ call: Call, _ bucket: String) async throws -> Response {
        let document = try await call.document()
        let elements = document.all("Rule")
        guard document.name == "LifecycleConfiguration", !elements.isEmpty else { throw S3Failure.malformedXML }
        try await catalog.setExpiry(
            bucket,
            elements.map { element in
                // As S3: a whole number of days, at most 2,147,483,647.
                if let days = element["Expiration"]?.text("Days") {
                    guard let days = Int32(days.trimmed), days > 0 else {
                        throw S3Failure.invalidArgument("'Days' for Expiration action must be a positive integer")
                    }
                }
                guard let rule = ExpiryRule(element) else { throw S3Failure.notImplemented }
                return .init(id: rule.id, prefix: rule.prefix, days: rule.days)
            })
        return .empty()
    }

    func removeExpiry(_ bucket: String) async throws -> Response {
        try await catalog.setExpiry(bucket, [])
        return .empty(204)
    }
}

extension S3Service {
    /// ListObjects, version 1 or 2.
    func list(_ request: S3Request, _ bucket: String) async throws -> Response {
        let isSecond = request.query("list-type") == "2"
        let prefix = request.query("prefix") ?? ""
        let delimiter = request.query("delimiter") ?? ""
        guard let asked = Int(request.query("max-keys") ?? "1000"), asked >= 0 else {
            throw S3Failure.invalidArgument("Argument max-keys must be an integer between 0 and 2147483647")
        }
        guard ["url", nil].contains(request.query("encoding-type")) else {
            throw S3Failure.invalidArgument("Invalid Encoding Method specified in Request")
        }
        let isEncoded = request.query("encoding-type") == "url"
        var marker = request.query(isSecond ? "start-after" : "marker") ?? ""
        if isSecond, let token = request.query("continuation-token") {
            guard let key = Data(base64Encoded: token).flatMap({ String(validating: $0, as: UTF8.self) }), !key.isEmpty
            else { throw S3Failure.invalidArgument("The continuation token provided is incorrect") }
            marker = key
        }
        let limit = min(asked, 1000)
        let page = try await catalog.list(bucket, prefix: prefix, delimiter: delimiter, after: marker, limit: limit)
        func shown(_ text: String) -> String { isEncoded ? text.percentEncoded() : text }

        return .xml("ListBucketResult") { xml in
            xml.element("Name", bucket)
            xml.element("Prefix", shown(prefix))
            if isSecond {
                if let next = page.next { xml.element("NextContinuationToken", Data(next.utf8).base64EncodedString()) }
                if let token = request.query("continuation-token") { xml.element("ContinuationToken", token) }
                if let start = request.query("start-after") { xml.element("StartAfter", shown(start)) }
                xml.element("KeyCount", String(page.objects.count + page.prefixes.count))
            } else {
                xml.element("Marker", shown(marker))
                if let next = page.next { xml.element("NextMarker", shown(next)) }
            }
            xml.element("MaxKeys", String(limit))
            xml.element("Delimiter", shown(delimiter))
            xml.element("IsTruncated", page.next == nil ? "false" : "true")
            for object in page.objects {
                xml.element("Contents") { xml in
                    xml.element("Key", shown(object.key))
                    xml.element("LastModified", Timestamp.milliseconds(object.lastModified))
                    xml.element("ETag", "\"\(object.eTag)\"")
                    xml.element("Size", String(object.size))
                    xml.element("Owner") { xml in
                        xml.element("ID", "")
                        xml.element("DisplayName", "")
                    }
                    xml.element("StorageClass", "STANDARD")
                }
            }
            for prefix in page.prefixes { xml.element("CommonPrefixes") { $0.element("Prefix", shown(prefix)) } }
            if isEncoded { xml.element("EncodingType", "url") }
        }
    }
}
