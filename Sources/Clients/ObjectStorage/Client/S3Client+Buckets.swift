import Digests
import Foundation
import HTTPTransport

extension S3Client {
    /// The names of all buckets.
    public func buckets() async throws -> [String] {
        let document = try await document(Call(method: "GET"))
        return document?["Buckets"]?.all("Bucket").compactMap { $0.text("Name") } ?? []
    }

    /// Whether the bucket is there.
    public func bucketExists(_ bucket: String) async throws -> Bool {
        try await send(Call(method: "HEAD", bucket: bucket), accepting: [404]).status != 404
    }

    /// Creates the bucket if it is missing.
    public func createBucket(_ bucket: String) async throws {
        if try await bucketExists(bucket) { return }
        var call = Call(method: "PUT", bucket: bucket)
        if configuration.region != "us-east-1" {
            var xml = XMLWriter()
            xml.element("CreateBucketConfiguration", namespace: XMLWriter.s3) {
                $0.element("LocationConstraint", configuration.region)
            }
            call.body = .bytes(Data(xml.text.utf8))
        }
        do {
            _ = try await send(call)
        } catch let error as S3Error where ["BucketAlreadyOwnedByYou", "BucketAlreadyExists"].contains(error.code) {
            // Somebody else was quicker.
        }
    }

    /// Deletes the bucket, which must be empty.
    public func deleteBucket(_ bucket: String) async throws {
        _ = try await send(Call(method: "DELETE", bucket: bucket))
    }

    /// To which queues the bucket reports its events.
    public func notification(of bucket: String) async throws -> [QueueConfiguration] {
        let document = try await document(Call(method: "GET", bucket: bucket, query: [("notification", "")]))
        return document?.all("QueueConfiguration").map(QueueConfiguration.init) ?? []
    }

    /// Replaces the bucket's notification configuration.
    /// - Throws: ``S3Error`` with the code `InvalidArgument` for a target that the server does not have.
    public func setNotification(_ bucket: String, _ queues: [QueueConfiguration]) async throws {
        let body = Data(QueueConfiguration.document(queues, isRequest: true).utf8)
        _ = try await send(
            Call(method: "PUT", bucket: bucket, query: [("notification", "")], body: .bytes(body)))
    }

    /// After how long the bucket removes which objects; rules of other kinds are left out.
    public func expiry(of bucket: String) async throws -> [ExpiryRule] {
        do {
            let document = try await document(Call(method: "GET", bucket: bucket, query: [("lifecycle", "")]))
            return document?.all("Rule").compactMap(ExpiryRule.init) ?? []
        } catch let error as S3Error where error.code == "NoSuchLifecycleConfiguration" {
            return []
        }
    }

    /// Replaces the bucket's lifecycle configuration; no rules remove it.
    public func setExpiry(_ bucket: String, _ rules: [ExpiryRule]) async throws {
        guard !rules.isEmpty else {
            _ = try await send(Call(method: "DELETE", bucket: bucket, query: [("lifecycle", "")]))
            return
        }
        let body = Data(ExpiryRule.document(rules).utf8)
        _ = try await send(
            Call(
                method: "PUT", bucket: bucket, query: [("lifecycle", "")],
                headers: ["Content-MD5": Data(Hash.digest(.md5, body)).base64EncodedString()], body: .bytes(body)))
    }
}

extension QueueConfiguration {
    /// Reads a `QueueConfiguration` element.
    package init(_ element: XMLTree) {
        var prefix: String?
        var suffix: String?
        for rule in element["Filter"]?["S3Key"]?.all("FilterRule") ?? [] {
            switch rule.text("Name")?.lowercased() {
            case "prefix": prefix = rule.text("Value")
            case "suffix": suffix = rule.text("Value")
            default: break
            }
        }
        self.init(
            id: element.text("Id") ?? "", arn: element.text("Queue") ?? "", events: element.all("Event").map(\.text),
            prefix: prefix, suffix: suffix)
    }

    /// The `NotificationConfiguration` document. MinIO's answers have filters without rules too, which other servers refuse in
    /// a request.
    package static func document(_ queues: [QueueConfiguration], isRequest: Bool) -> String {
        var xml = XMLWriter(declaration: isRequest)
        xml.element("NotificationConfiguration", namespace: XMLWriter.s3) { xml in
            for queue in queues { queue.write(to: &xml, withEmptyFilter: !isRequest) }
        }
        return xml.text
    }

    private func write(to xml: inout XMLWriter, withEmptyFilter: Bool) {
        let rules = [("prefix", prefix), ("suffix", suffix)].compactMap { name, value in value.map { (name, $0) } }
        xml.element("QueueConfiguration") { xml in
            xml.element("Id", id)
            if withEmptyFilter || !rules.isEmpty {
                xml.element("Filter") { xml in
                    xml.element("S3Key") { xml in
                        for (name, value) in rules {
                            xml.element("FilterRule") { xml in
                                xml.element("Name", name)
                                xml.element("Value", value)
                            }
                        }
                    }
                }
            }
            for event in events { xml.element("Event", event) }
            xml.element("Queue", arn)
        }
    }
}
