public import Foundation
import HTTPTransport

/// A bucket event that its target has never taken, as our own storage server tells of it.
public struct EventSetAside: Sendable, Equatable, Decodable {
    /// Names the event.
    public var id: String
    /// The target's id.
    public var target: String
    /// What happened, as `s3:ObjectCreated:Put`.
    public var event: String
    /// The bucket and the object's key, with a slash between.
    public var key: String
    /// How often it was sent.
    public var attempts: Int
    /// Why it was not taken in the end.
    public var reason: String
    /// When it was given up.
    public var since: Date?
}

/// What only our own storage server has, beside S3: the events that it gave up.
extension S3Client {
    /// The oldest 1,000 events that were set aside.
    public func eventsSetAside() async throws -> [EventSetAside] {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode([EventSetAside].self, from: try await events("GET", []))
    }

    /// Has events that were set aside sent again: those with the given ids, or all.
    /// - Returns: how many there were.
    @discardableResult
    public func retryEvents(_ ids: [String] = []) async throws -> Int { try await count("POST", ids) }

    /// Drops events that were set aside: those with the given ids, or all.
    /// - Returns: how many there were.
    @discardableResult
    public func forgetEvents(_ ids: [String] = []) async throws -> Int { try await count("DELETE", ids) }

    private func count(_ method: String, _ ids: [String]) async throws -> Int {
        struct Answer: Decodable { var count: Int }
        return try JSONDecoder().decode(Answer.self, from: try await events(method, ids)).count
    }

    private func events(_ method: String, _ ids: [String]) async throws -> Data {
        let call = Call(method: method, bucket: "minio", key: "events", query: ids.map { ("id", $0) })
        return try await send(call).body.collect(limit: 16 << 20)
    }
}
