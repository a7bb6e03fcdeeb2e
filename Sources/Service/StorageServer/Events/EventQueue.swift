import Foundation
import ObjectStorage

/// A web address that is told of bucket events, as MinIO's `MINIO_NOTIFY_WEBHOOK_…_<ID>` settings.
public struct WebhookTarget: Sendable, Equatable {
    /// Names the target in its ARN, `arn:minio:sqs::ID:webhook`.
    public var id: String
    /// Where events are posted.
    public var endpoint: String
    /// Sent as `Authorization: Bearer TOKEN`, or as it is when it has two words; none when empty.
    public var token: String

    /// A target.
    public init(id: String, endpoint: String, token: String = "") {
        self.id = id
        self.endpoint = endpoint
        self.token = token
    }

    /// The target's name in notification configurations, without a region as MinIO writes it.
    public var arn: String { "arn:minio:sqs::\(id):webhook" }

    /// Whether an ARN means this target; its region may be empty or any.
    func matches(_ arn: String) -> Bool {
        let words = arn.split(separator: ":", omittingEmptySubsequences: false)
        return words.count == 6 && words[0] == "arn" && words[1] == "minio" && words[2] == "sqs" && words[4] == id
            && words[5] == "webhook"
    }

    /// The `Authorization` field.
    var authorization: String? {
        let words = token.split(separator: " ")
        return words.isEmpty ? nil : words.count == 1 ? "Bearer \(words[0])" : token
    }
}

extension WebhookTarget: CustomStringConvertible {
    /// Without the token, which logs must not hold.
    public var description: String { "WebhookTarget(\(id), \(endpoint))" }
}

/// An event's file name: its sequencer, which orders all events, and a digest of its object's key, whose events stay in order.
package struct EventName: Hashable, Comparable, Sendable {
    let text: String

    var sequencer: Substring { text.prefix { $0 != "-" } }
    /// Events of one object have the same; an event of an older server has one of its own.
    var object: Substring { text.contains("-") ? text[sequencer.endIndex...] : text[...] }

    init(_ text: String) { self.text = text }

    package init(sequencer: String, bucket: String, key: String) {
        text = "\(sequencer)-\("\(bucket)/\(key)".sha256.prefix(16))"
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}

/// The events that one target has not taken yet, one file each. Every call blocks.
///
/// An event is written before the change it tells of becomes visible (`.pending`) and is published after it (`.json`). One that
/// the target never takes is moved to `aside/`, with the reason beside it, until somebody asks for another try.
struct EventQueue: Sendable {
    let target: WebhookTarget
    let directory: String
    /// Says that there is something new to be sent.
    let changes: AsyncStream<Void>
    let signal: AsyncStream<Void>.Continuation
    private var aside: String { "\(directory)/aside" }

    /// The most events that are kept aside; beyond them the oldest are forgotten.
    static let asideLimit = 10_000

    init(target: WebhookTarget, directory: String) throws {
        self.target = target
        self.directory = directory
        (changes, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try Disk.makeDirectory(directory)
        try Disk.makeDirectory("\(directory)/aside")
    }

    // MARK: - On the way

    /// Writes an event that is not to be sent yet.
    func prepare(_ name: EventName, _ document: Data) throws {
        try Disk.write(document, to: "\(directory)/\(name.text).pending")
    }

    /// Lets a prepared event go.
    func publish(_ name: EventName) throws {
        try Disk.rename("\(directory)/\(name.text).pending", to: "\(directory)/\(name.text).json")
        try Disk.sync(directory: directory)
        signal.yield()
    }

    func discard(_ name: EventName) throws { try Disk.remove("\(directory)/\(name.text).pending") }

    /// Events that were prepared when the server died, and their documents' place.
    func prepared() throws -> [(name: EventName, path: String)] {
        try names(in: directory, ".pending").map { ($0, "\(directory)/\($0.text).pending") }
    }

    /// Events to be sent, oldest first.
    func waiting() throws -> [EventName] { try names(in: directory, ".json") }

    private func names(in directory: String, _ ending: String) throws -> [EventName] {
        try Disk.names(in: directory).filter { $0.hasSuffix(ending) }
            .map { EventName(String($0.dropLast(ending.count))) }.sorted()
    }

    func document(_ name: EventName) throws -> Data { try Disk.read("\(directory)/\(name.text).json") }

    func remove(_ name: EventName) throws { try Disk.remove("\(directory)/\(name.text).json") }

    // MARK: - Set aside

    /// Why an event is not sent any more.
    struct Reason: Codable, Equatable, Sendable {
        var attempts: Int
        var reason: String
        var since: Date
        /// Whether the target took no other event meanwhile, so that it may not have been this one's fault.
        var mayBeTheTargets: Bool
    }

    /// Moves an event aside. The reason is left out where the disk has no room for it.
    func setAside(_ name: EventName, _ reason: Reason) throws {
        let path = "\(aside)/\(name.text).reason"
        try? Disk.remove(path)
        if let text = try? JSONEncoder().encode(reason) { try? Disk.write(text, to: path) }
        try Disk.rename("\(directory)/\(name.text).json", to: "\(aside)/\(name.text).json")
        let all = try setAside()
        for old in all.prefix(max(0, all.count - Self.asideLimit)) { try forget(old) }
    }

    /// The events that were set aside, oldest first.
    func setAside() throws -> [EventName] { try names(in: aside, ".json") }

    func reason(_ name: EventName) -> Reason? {
        (try? Disk.read("\(aside)/\(name.text).reason")).flatMap { try? JSONDecoder().decode(Reason.self, from: $0) }
    }

    func documentSetAside(_ name: EventName) throws -> Data { try Disk.read("\(aside)/\(name.text).json") }

    /// Sends events that were set aside again.
    func retry(_ names: [EventName]) throws {
        for name in names {
            try Disk.rename("\(aside)/\(name.text).json", to: "\(directory)/\(name.text).json")
            try Disk.remove("\(aside)/\(name.text).reason")
        }
        signal.yield()
    }

    /// Removes an event that was set aside.
    func forget(_ name: EventName) throws {
        try Disk.remove("\(aside)/\(name.text).json")
        try Disk.remove("\(aside)/\(name.text).reason")
    }
}
