import Foundation

/// What is stored beside an object's bytes.
struct ObjectRecord: Codable, Sendable, Equatable {
    /// Names the files with the bytes: `{id}.0`, `{id}.1`, …
    var id: String
    var key: String
    /// The sizes of those files in bytes; an upload in parts has one a part.
    var segments: [Int]
    /// Entity tag without quotes.
    var eTag: String
    var lastModified: Date
    /// Stored header fields with lower-case names: `content-type`, `cache-control`, `content-disposition`, …
    var headers: [String: String]
    /// User metadata; lower-case names without `x-amz-meta-`.
    var metadata: [String: String]
    /// Orders the changes of one object; hex.
    var sequencer: String

    /// Whether its numbers can be reckoned with; a damaged record's cannot.
    var isSound: Bool {
        var size = 0
        for segment in segments {
            let (sum, isTooLarge) = size.addingReportingOverflow(segment)
            guard segment >= 0, !isTooLarge else { return false }
            size = sum
        }
        // From 1970 to 9999.
        return !segments.isEmpty && (0...253_402_300_799).contains(lastModified.timeIntervalSince1970)
    }

    var size: Int { segments.reduce(0, +) }
    var contentType: String { headers["content-type"] ?? "application/octet-stream" }
}

/// What is stored beside a bucket's objects.
struct BucketRecord: Codable, Sendable, Equatable {
    var created: Date
    var notifications: [Notification] = []
    /// After how long objects are removed; `nil` in records of servers that did not know such rules.
    var expiry: [Expiry]?

    /// An entry of the notification configuration.
    struct Notification: Codable, Sendable, Equatable {
        var id: String
        var arn: String
        var events: [String]
        var prefix: String?
        var suffix: String?

        /// Whether it asks for this event; `s3:ObjectCreated:*` stands for all that begin so.
        func wants(_ event: String, key: String) -> Bool {
            key.hasPrefix(prefix ?? "", inBytes: true) && key.hasSuffix(suffix ?? "", inBytes: true)
                && events.contains { $0 == event || $0.hasSuffix("*") && event.hasPrefix($0.dropLast()) }
        }
    }
}

extension BucketRecord {
    /// A rule of the lifecycle configuration.
    struct Expiry: Codable, Sendable, Equatable {
        var id: String
        var prefix: String
        var days: Int

        /// Whether an object's time is over: at the midnight, UTC, that follows the last of its days.
        func isOver(_ object: ObjectRecord, now: Date) -> Bool {
            let day = 86_400.0
            let end = object.lastModified.timeIntervalSince1970 + (Double(days) + 1) * day
            return object.key.hasPrefix(prefix, inBytes: true)
                && now.timeIntervalSince1970 >= (end / day).rounded(.down) * day
        }
    }
}

/// An upload in parts.
struct UploadRecord: Codable, Sendable, Equatable {
    var id: String
    var bucket: String
    var key: String
    var created: Date
    var headers: [String: String]
    var metadata: [String: String]
}

/// A part of such an upload.
struct PartRecord: Sendable, Equatable {
    var number: Int
    var eTag: String
    var size: Int
    var lastModified: Date

    /// The part's file name, which holds all that is known of it.
    var fileName: String { "part.\(number).\(eTag).\(size)" }

    init(number: Int, eTag: String, size: Int, lastModified: Date) {
        self.number = number
        self.eTag = eTag
        self.size = size
        self.lastModified = lastModified
    }

    init?(fileName: String, lastModified: Date) {
        let words = fileName.split(separator: ".")
        guard words.count == 4, words[0] == "part", let number = Int(words[1]), let size = Int(words[3]),
            (1...10_000).contains(number), size >= 0
        else { return nil }
        self.init(number: number, eTag: String(words[2]), size: size, lastModified: lastModified)
    }
}

extension String {
    /// Keys are bytes: a letter and its accent are not one character there.
    func hasPrefix(_ prefix: String, inBytes: Bool) -> Bool { utf8.starts(with: prefix.utf8) }
    func hasSuffix(_ suffix: String, inBytes: Bool) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }
    func precedesInBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
