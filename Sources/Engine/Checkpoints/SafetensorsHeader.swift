import Foundation

/// The JSON at the front of a `.safetensors` file: tensors by name, and free text under `__metadata__`.
///
/// Source: the format's description in the repository huggingface/safetensors.
struct SafetensorsHeader: Decodable {
    struct Entry: Decodable {
        var dtype: String
        var shape: [Int]
        var data_offsets: [Int]
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    var metadata: [String: String] = [:]
    var entries: [String: Entry] = [:]

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        for key in container.allKeys {
            if key.stringValue == "__metadata__" {
                metadata = try container.decode([String: String].self, forKey: key)
            } else {
                entries[key.stringValue] = try container.decode(Entry.self, forKey: key)
            }
        }
    }

    /// Reads the header of a file and says where its data begins.
    static func read(_ bytes: FileBytes) throws -> (header: SafetensorsHeader, dataStart: Int) {
        var cursor = ByteCursor(bytes, in: 0..<bytes.count, subject: "the header")
        let length = try cursor.length64()
        guard length <= 16 << 20 else {
            throw CheckpointProblem.malformed("its header claims \(length) bytes; it is no .safetensors file")
        }
        let text = Data(try cursor.take(length))
        do {
            return (try JSONDecoder().decode(SafetensorsHeader.self, from: text), cursor.position)
        } catch {
            throw CheckpointProblem.malformed("its header is not the JSON of a .safetensors file")
        }
    }
}

extension ElementType {
    /// The type by its name in a `.safetensors` header; nil for those that no model here uses.
    init?(safetensors name: String) {
        switch name {
        case "F16": self = .float16
        case "BF16": self = .bfloat16
        case "F32": self = .float32
        case "F64": self = .float64
        case "I8": self = .int8
        case "U8": self = .uint8
        case "I16": self = .int16
        case "I32": self = .int32
        case "I64": self = .int64
        case "BOOL": self = .bool
        default: return nil
        }
    }
}
