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
        let body = Data(QueueConfiguration.document(queues, declaration: true).utf8)
        _ = try await send(
            Call(method: "PUT", bucket: bucket, query: [("notification", "")], body: .bytes(body)))
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

    /// The `NotificationConfiguration` document.
    package static func document(_ queues: [QueueConfiguration], declaration: Bool) -> String {
        var xml = XMLWriter(declaration: declaration)
        xml.element("NotificationConfiguration", namespace: XMLWriter.s3) { xml in
            for queue in queues { queue.write(to: &xml) }
        }
        return xml.text
    }

    private func write(to xml: inout XMLWriter) {
        xml.element("QueueConfiguration") { xml in
            xml.element("Id", id)
            xml.element("Filter") { xml in
                xml.element("S3Key") { xml in
                    for (name, value) in [("prefix", prefix), ("suffix", suffix)] {
                        guard let value else { continue }
                        xml.element("FilterRule") { xml in
                            xml.element("Name", name)
                            xml.element("Value", value)
                        }
                    }
                }
            }
            for event in events { xml.element("Event", event) }
            xml.element("Queue", arn)
        }
    }
}
