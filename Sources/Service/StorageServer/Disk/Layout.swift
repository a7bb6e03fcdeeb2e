import Encodings
import Foundation
import ObjectStorage

/// Where things are below the storage's folder.
///
/// ```
/// buckets/{bucket}/bucket.json                    the bucket's record
/// buckets/{bucket}/objects/{2 digits}/{hash}.json an object's record; the hash is the SHA-256 of its key
/// buckets/{bucket}/data/{2 digits}/{id}.{n}       an object's bytes, written once and never changed
/// uploads/{id}/upload.json, part.{number}.{md5}.{size}
/// events/{target}/{sequencer}.json
/// incoming/                                       what is still being written; emptied at the start
/// ```
/// Keys never become file names, so that any key of any length is safe: `..`, a trailing slash, one that another begins with.
/// An object's record is replaced by one `rename`, which is the moment at which a change happens.
struct Layout: Sendable {
    let root: String

    var buckets: String { "\(root)/buckets" }
    var uploads: String { "\(root)/uploads" }
    var events: String { "\(root)/events" }
    var incoming: String { "\(root)/incoming" }
    var lock: String { "\(root)/lock" }

    func bucket(_ name: String) -> String { "\(buckets)/\(name)" }
    func bucketRecord(_ name: String) -> String { "\(bucket(name))/bucket.json" }
    func objects(_ bucket: String) -> String { "\(self.bucket(bucket))/objects" }
    func data(_ bucket: String) -> String { "\(self.bucket(bucket))/data" }

    func objectFolder(_ bucket: String, _ key: String) -> String { "\(objects(bucket))/\(key.sha256.prefix(2))" }
    func object(_ bucket: String, _ key: String) -> String { "\(objectFolder(bucket, key))/\(key.sha256).json" }
    func dataFolder(_ bucket: String, _ id: String) -> String { "\(data(bucket))/\(id.prefix(2))" }
    func data(_ bucket: String, _ id: String, _ segment: Int) -> String {
        "\(dataFolder(bucket, id))/\(id).\(segment)"
    }

    func upload(_ id: String) -> String { "\(uploads)/\(id)" }
    func uploadRecord(_ id: String) -> String { "\(upload(id))/upload.json" }
    func part(_ upload: String, _ part: PartRecord) -> String { "\(self.upload(upload))/\(part.fileName)" }
    func events(_ target: WebhookTarget) -> String { "\(events)/\(target.id.percentEncoded())" }

    func makeDirectories() throws {
        for path in [root, buckets, uploads, events] { try Disk.makeDirectory(path) }
        try Disk.removeTree(incoming)
        try Disk.makeDirectory(incoming)
    }
}
