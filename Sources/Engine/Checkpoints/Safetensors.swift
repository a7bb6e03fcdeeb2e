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

extension CheckpointPackage {
    /// Reads a `.safetensors` file with `klass`, `args` and `kwargs` in its metadata, as the reference's
    /// `hf.load_safetensors_model` does.
    init(safetensors bytes: FileBytes) throws {
        let (header, dataStart) = try SafetensorsHeader.read(bytes)
        guard let name = header.metadata["klass"], let args = header.metadata["args"],
            let kwargs = header.metadata["kwargs"]
        else {
            throw CheckpointProblem.malformed("it is not a Demucs model: its metadata lacks klass, args or kwargs")
        }
        guard name == Checkpoint.supportedClass else { throw CheckpointProblem.modelClass(name) }
        if header.metadata["structure"] != nil { throw CheckpointProblem.quantised }
        guard case .list(let positional) = try Self.argument(args),
            case .dictionary(let keywords) = try Self.argument(kwargs)
        else { throw CheckpointProblem.malformed("args or kwargs in its metadata has the wrong kind") }
        self.init(
            modelClass: name, positional: positional, keywords: keywords,
            tensors: try Self.tensors(header.entries, in: dataStart..<bytes.count))
    }

    /// Checks that the tensors cover the data without gap and overlap, as the format asks.
    private static func tensors(
        _ entries: [String: SafetensorsHeader.Entry], in data: Range<Int>
    ) throws -> [String: TensorRecord] {
        var records: [String: TensorRecord] = [:]
        var covered = 0
        let ordered = entries.sorted {
            $0.value.data_offsets.lexicographicallyPrecedes($1.value.data_offsets)
        }
        for (name, entry) in ordered {
            guard let element = ElementType(safetensors: entry.dtype) else {
                throw CheckpointProblem.unsupported("tensor \(name) has type \(entry.dtype)")
            }
            guard entry.data_offsets.count == 2, entry.data_offsets[0] == covered,
                entry.data_offsets[1] >= covered, entry.data_offsets[1] <= data.count
            else {
                throw CheckpointProblem.malformed(
                    "tensor \(name) overlaps another, leaves a gap or reaches beyond the end of the file")
            }
            covered = entry.data_offsets[1]
            let storage = data.lowerBound + entry.data_offsets[0]..<data.lowerBound + covered
            records[name] = try TensorRecord(element: element, storage: storage, shape: entry.shape)
        }
        guard covered == data.count else {
            throw CheckpointProblem.malformed("its data is longer than its tensors")
        }
        return records
    }

    private static func argument(_ json: String) throws -> CheckpointValue {
        do {
            return try JSONDecoder().decode(JSONArgument.self, from: Data(json.utf8)).value
        } catch {
            throw CheckpointProblem.malformed("args or kwargs in its metadata is no JSON of plain data")
        }
    }
}

/// JSON as the reference writes arguments; an object with `"_type": "fraction"` is a fraction.
private struct JSONArgument: Decodable {
    var value: CheckpointValue

    init(from decoder: any Decoder) throws {
        if let items = try? [JSONArgument](from: decoder) {
            value = .list(items.map(\.value))
        } else if let items = try? [String: JSONArgument](from: decoder) {
            value = try Self.object(items.mapValues(\.value), decoder)
        } else {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                value = .none
            } else if let bool = try? container.decode(Bool.self) {
                value = .bool(bool)
            } else if let int = try? container.decode(Int.self) {
                value = .int(int)
            } else if let double = try? container.decode(Double.self) {
                value = .double(double)
            } else {
                value = .string(try container.decode(String.self))
            }
        }
    }

    private static func object(_ items: [String: CheckpointValue], _ decoder: any Decoder) throws -> CheckpointValue {
        guard items["_type"] == .string("fraction") else { return .dictionary(items) }
        guard case .int(let numerator)? = items["numerator"], case .int(let denominator)? = items["denominator"],
            denominator > 0
        else { throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "fraction")) }
        return .fraction(numerator, denominator)
    }
}
