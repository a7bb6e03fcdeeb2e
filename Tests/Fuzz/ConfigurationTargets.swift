import EnvironmentSettings
import Foundation
import FunctionHost
import Jobs

/// Replies of Redis; the values are the same however the network cuts them.
enum RedisTarget: FuzzTarget {
    static let name = "redis"

    static func run(_ input: Data) throws {
        precondition(values(input, at: max(1, input.count)) == values(input, at: 1))
    }

    private static func values(_ input: Data, at size: Int) -> [RedisValue] {
        var values: [RedisValue] = []
        let bytes = Array(input)
        do {
            let reader = try RedisReplyReader()
            for start in stride(from: 0, to: bytes.count, by: size) {
                try bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { try reader.feed($0) }
                while let value = try reader.next() { values.append(value) }
            }
        } catch {
            precondition(!"\(error)".isEmpty)
        }
        return values
    }
}

/// The file of API keys.
enum KeysTarget: FuzzTarget {
    static let name = "keys"

    static func run(_ input: Data) throws {
        do {
            let keys = try APIKey.list(yaml: String(decoding: input, as: UTF8.self))
            let again = try APIKey.list(yaml: keys.map(\.entry).joined())
            precondition(again == keys)
        } catch let error as ConfigurationError {
            precondition(!error.description.isEmpty)
        }
    }
}
