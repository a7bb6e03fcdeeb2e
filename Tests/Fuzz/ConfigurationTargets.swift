import EnvironmentSettings
import Foundation
import FunctionHost
import Jobs
import ServiceContract

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

/// Options as lines `name=value`, as metadata and forms bring them: what was read can be written and read again.
enum OptionsTarget: FuzzTarget {
    static let name = "options"
    static var anatomy: (any Anatomy)? {
        SeparatedAnatomy(
            "\n",
            spares: [
                "model=starter", "model=../x", "two_stems=vocals", "TWO-stems=bass", "two-stems=no_vocals",
                "other_method=minus",
                "format=flac", "format=float32", "bitrate=320", "bitrate=+64", "mp3-preset=7", "shifts=10", "shifts=-0",
                "overlap=0.9", "quality=fast", "Quality=best", "quality=x",
                "overlap=-0.0", "overlap=nan", "overlap=0x1p-4", "overlap=1e-320", "clip_mode=clamp", "clip-mode=none",
                "author=a",
            ])
    }

    static func run(_ input: Data) throws {
        var values: [String: String] = [:]
        for line in String(decoding: input, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            values[words[0]] = words.count > 1 ? words[1] : ""
        }
        check(values) { (values) throws(InvalidOption) in try JobOptions(metadata: values) }
        check(values) { (values) throws(InvalidOption) in try JobOptions(validating: values) }
    }

    private static func check(
        _ values: [String: String], _ read: ([String: String]) throws(InvalidOption) -> JobOptions
    ) {
        do throws(InvalidOption) {
            let options = try read(values)
            let again = try JobOptions(metadata: options.metadata)
            precondition(again == options && again.identity == options.identity)
            let coded = try? JSONDecoder().decode(JobOptions.self, from: JSONEncoder().encode(options))
            precondition(coded == options)
            precondition((0...0.9).contains(options.overlap) && (0...10).contains(options.shifts))
            precondition(!options.identity.contains("/") && options.identity.utf8.count < 8192)
        } catch {
            precondition(error.description.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
        }
    }
}

/// The file of API keys.
enum KeysTarget: FuzzTarget {
    static let name = "keys"
    static var anatomy: (any Anatomy)? {
        SeparatedAnatomy(
            "\n",
            spares: [
                "- name: studio", "  sha256: " + String(repeating: "5e", count: 32), "  rate: 20/s",
                "  concurrency: 16",
                "  admin: true", "  weight: 2", "  priority: -9", "  maxWaiting: 0", "  bytesPerDay: 20GiB",
                "  bytesPerDay: 9223372036854775807GiB", "  secondsPerDay: 36000", "  rate: 1e9/h", "  weight: 0x10",
                "- {name: a, sha256: \(String(repeating: "0a", count: 32))}", "- &a {name: b}", "- *a", "  <<: *a",
                "---", "# x",
                "- name: !!int 5", "  admin: yes", "  name: 'a\u{0}b'",
            ])
    }

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
