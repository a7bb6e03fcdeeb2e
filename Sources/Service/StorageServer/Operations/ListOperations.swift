import Encodings
import Foundation
import Hummingbird
import ObjectStorage

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
