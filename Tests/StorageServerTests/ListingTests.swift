import Foundation
import ObjectStorage
import StorageServer
import Testing

/// Listings of many random keys against what a simple function says they must be.
@Suite struct ListingTests {
    @Test func everyPageOfEveryListing() async throws {
        let storage = try await RunningStorage()
        let client = try storage.client()
        try await client.createBucket("bucket")
        var random = SystemRandomNumberGenerator()
        let letters = ["a", "b", "/", "é", "e\u{301}", "0", "/", "-"]
        var keys: Set<[UInt8]> = []
        while keys.count < 120 {
            let key = (0..<Int.random(in: 1...6, using: &random)).map { _ in letters.randomElement(using: &random) ?? ""
            }
            keys.insert(Array(key.joined().utf8))
        }
        let names = keys.map { String(decoding: $0, as: UTF8.self) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for name in names { group.addTask { try await client.put("bucket", name, body: .empty) } }
            try await group.waitForAll()
        }
        for prefix in ["", "a", "a/", "/", "e", "é", "none"] {
            for delimiter in [nil, "/", "b", "a/"] {
                let expected = Self.expected(names, prefix, delimiter)
                for limit in [1, 3, 1000] {
                    let listed = try await all(client, prefix, delimiter, limit)
                    #expect(
                        listed.map { Array($0.utf8) } == expected.map { Array($0.utf8) },
                        "\(prefix) \(delimiter ?? "-") \(limit)")
                }
            }
        }
        #expect(try await client.list("bucket", limit: 0).objects.isEmpty)
    }

    private func all(_ client: S3Client, _ prefix: String, _ delimiter: String?, _ limit: Int) async throws -> [String]
    {
        var listed: [String] = []
        var continuation: String?
        repeat {
            let page = try await client.list(
                "bucket", prefix: prefix, delimiter: delimiter, continuation: continuation, limit: limit)
            #expect(page.objects.count + page.commonPrefixes.count <= limit)
            let names = page.objects.map(\.key) + page.commonPrefixes
            listed += names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            continuation = page.continuation
        } while continuation != nil
        return listed
    }

    private static func expected(_ names: [String], _ prefix: String, _ delimiter: String?) -> [String] {
        var entries: Set<[UInt8]> = []
        for name in names where name.utf8.starts(with: prefix.utf8) {
            let rest = Data(name.utf8.dropFirst(prefix.utf8.count))
            if let delimiter, let found = rest.range(of: Data(delimiter.utf8)) {
                entries.insert(Array(prefix.utf8) + rest[..<found.upperBound])
            } else {
                entries.insert(Array(name.utf8))
            }
        }
        return entries.sorted { $0.lexicographicallyPrecedes($1) }.map { String(decoding: $0, as: UTF8.self) }
    }
}
