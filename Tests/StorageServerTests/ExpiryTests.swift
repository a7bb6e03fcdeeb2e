import Foundation
import ObjectStorage
import Synchronization
import TestSupport
import Testing

/// Buckets forget their objects after days.
@Suite struct ExpiryTests {
    /// A clock that tests set forward.
    private final class Clock: Sendable {
        private let days = Mutex(0)
        var now: Date { Date(timeIntervalSinceNow: Double(days.withLock { $0 }) * 86_400) }
        func advance(days: Int) { self.days.withLock { $0 += days } }
    }

    @Test func objectsGoWhenTheirTimeIsOver() async throws {
        let clock = Clock()
        let storage = try await RunningStorage(now: { clock.now })
        let client = try storage.client(now: { clock.now })
        for bucket in ["short", "for-ever"] {
            try await client.createBucket(bucket)
            for key in ["old/a", "b"] { try await client.put(bucket, key, body: .bytes(Data("x".utf8))) }
        }
        try await client.setExpiry("short", [ExpiryRule(id: "r", prefix: "old/", days: 2)])
        clock.advance(days: 2)
        try await client.put("short", "old/new", body: .bytes(Data("y".utf8)))
        #expect(try await client.head("short", "old/a") != nil)
        // The third midnight after a day that began at any hour.
        clock.advance(days: 1)
        let deadline = ContinuousClock.now + .seconds(60)
        while try await client.head("short", "old/a") != nil {
            guard ContinuousClock.now < deadline else { throw TestFailure("the object stays") }
            try await Task.sleep(for: .milliseconds(20))
        }
        for (bucket, key) in [("short", "old/new"), ("short", "b"), ("for-ever", "old/a"), ("for-ever", "b")] {
            #expect(try await client.head(bucket, key) != nil, "\(bucket)/\(key)")
        }
    }

    @Test func rulesOutliveTheServer() async throws {
        let directory = try TemporaryDirectory()
        let rules = [ExpiryRule(id: "all", days: 7), ExpiryRule(id: "some & more", prefix: "a b/<c>", days: 1)]
        var storage = try await RunningStorage(directory: directory)
        let bucket = "rules"
        try await storage.client().createBucket(bucket)
        #expect(try await storage.client().expiry(of: bucket) == [])
        try await storage.client().setExpiry(bucket, rules)
        try await storage.stop()
        storage = try await RunningStorage(directory: directory)
        #expect(try await storage.client().expiry(of: bucket) == rules)
        try await storage.client().setExpiry(bucket, [])
        #expect(try await storage.client().expiry(of: bucket) == [])
    }

    /// What the server would not do, it does not take.
    @Test func rulesOfOtherKindsAreRefused() async throws {
        let storage = try await RunningStorage()
        try await storage.client().createBucket("rules")
        let rule = #"{"Rules":[{"ID":"a","Status":"Enabled","Filter":{"Prefix":""},"#
        for (action, code) in [
            (#""Transitions":[{"Days":1,"StorageClass":"GLACIER"}]}]}"#, "NotImplemented"),
            (#""Expiration":{"Date":"2030-01-01T00:00:00Z"}}]}"#, "NotImplemented"),
        ] {
            await #expect {
                try await Program.run(
                    [
                        "aws", "s3api", "put-bucket-lifecycle-configuration", "--bucket", "rules",
                        "--lifecycle-configuration", rule + action,
                    ], environment: Tool.credentials(storage))
            } throws: {
                "\($0)".contains(code)
            }
        }
        let output = try await Program.run(
            [
                "aws", "s3api", "put-bucket-lifecycle-configuration", "--bucket", "rules", "--lifecycle-configuration",
                rule + #""Expiration":{"Days":5}}]}"#,
            ], environment: Tool.credentials(storage))
        #expect(!output.contains("rror"))
        #expect(try await storage.client().expiry(of: "rules") == [ExpiryRule(id: "a", days: 5)])
    }
}
