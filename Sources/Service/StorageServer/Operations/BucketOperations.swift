import Encodings
import Hummingbird
import ObjectStorage

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
