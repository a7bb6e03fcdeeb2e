import Encodings
import GRPCCore

// The messages of KEDA's external scaler as Protocol Buffers, read and written by hand as they are few. A test speaks to them with
// code that is generated from the definitions. Field numbers stand beside the names that the definitions have.
//
// Source: KEDA documentation, "External Scalers"; Protocol Buffers documentation, "Encoding".

/// `ScaledObjectRef`: whose scaler is asked.
struct ScaledObject: ProtobufReadable, Sendable, Equatable {
    /// The ScaledObject's name.
    var name = ""
    /// Its namespace.
    var namespace = ""
    /// What its trigger says under `metadata`.
    var metadata: [String: String] = [:]

    mutating func take(_ field: UInt64, _ value: ProtobufReader.Value) throws {
        switch (field, value) {
        case (1, .bytes(let bytes)): name = try bytes.text()
        case (2, .bytes(let bytes)): namespace = try bytes.text()
        case (3, .bytes(let bytes)):  // scalerMetadata, a map: each entry is a message
            var entry = MapEntry()
            try entry.read(bytes)
            metadata[entry.key] = entry.value
        default: break
        }
    }

    private struct MapEntry: ProtobufReadable {
        var key = ""
        var value = ""

        mutating func take(_ field: UInt64, _ value: ProtobufReader.Value) throws {
            guard case .bytes(let bytes) = value else { return }
            if field == 1 { key = try bytes.text() }
            if field == 2 { self.value = try bytes.text() }
        }
    }
}

/// `GetMetricsRequest`.
struct MetricsRequest: ProtobufReadable, Sendable, Equatable {
    /// Whose.
    var object = ScaledObject()
    /// Which metric.
    var metric = ""

    mutating func take(_ field: UInt64, _ value: ProtobufReader.Value) throws {
        switch (field, value) {
        case (1, .bytes(let bytes)): try object.read(bytes)  // scaledObjectRef
        case (2, .bytes(let bytes)): metric = try bytes.text()  // metricName
        default: break
        }
    }
}

/// `IsActiveResponse`.
struct Activity: ProtobufWritable, Sendable, Equatable {
    /// There should be workers.
    var isActive: Bool

    func write(to writer: inout ProtobufWriter) {
        if isActive { writer.varint(1, 1) }  // result
    }
}

/// `GetMetricSpecResponse` and `GetMetricsResponse` with one metric, which are written alike: a metric's name, and what one
/// replica is there for or how much there is.
struct Metric: ProtobufWritable, Sendable, Equatable {
    /// Its name.
    var name: String
    /// `targetSize` or `metricValue`.
    var value: Int

    func write(to writer: inout ProtobufWriter) {
        writer.message(1) { metric in  // metricSpecs, metricValues
            metric.text(1, name)  // metricName
            metric.varint(2, UInt64(clamping: value))  // targetSize, metricValue: for releases before the next one
            metric.fixed64(3, Double(value).bitPattern)  // targetSizeFloat, metricValueFloat
        }
    }
}

// MARK: - The wire format

/// A message that is read field by field. What it does not know it leaves out, as newer clients may say more.
protocol ProtobufReadable {
    init()
    /// Takes in one field; of one that comes more than once the last counts.
    mutating func take(_ field: UInt64, _ value: ProtobufReader.Value) throws
}

extension ProtobufReadable {
    /// Takes in all fields.
    mutating func read(_ bytes: ArraySlice<UInt8>) throws {
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() { try take(field, value) }
    }
}

/// A message that is written field by field.
protocol ProtobufWritable {
    func write(to writer: inout ProtobufWriter)
}

/// Bytes that are no message.
struct ProtobufError: Error, Equatable {
    /// What is wrong with them, as the end of a sentence.
    var problem: String
}

/// Reads fields.
struct ProtobufReader {
    /// What a field holds.
    enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    /// The next field; nil at the end.
    mutating func next() throws -> (field: UInt64, value: Value)? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        guard tag >> 3 > 0 else { throw ProtobufError(problem: "a field has the number 0") }
        switch tag & 7 {
        case 0: return (tag >> 3, .number(try varint()))
        case 1: return (tag >> 3, .number(try fixed(8)))
        case 2:
            let length = try varint()
            guard length <= UInt64(rest.count) else { throw ProtobufError(problem: "a field is longer than the rest") }
            return (tag >> 3, .bytes(take(Int(length))))
        case 5: return (tag >> 3, .number(try fixed(4)))
        default: throw ProtobufError(problem: "a field is of a kind that there is not")
        }
    }

    private mutating func varint() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw ProtobufError(problem: "a number is cut off") }
            // Of the tenth byte there is room for one bit only.
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw ProtobufError(problem: "a number is too large")
    }

    private mutating func fixed(_ count: Int) throws -> UInt64 {
        guard rest.count >= count else { throw ProtobufError(problem: "a number is cut off") }
        return take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}

extension ArraySlice<UInt8> {
    fileprivate func text() throws -> String {
        guard let text = String(validating: self, as: UTF8.self) else {
            throw ProtobufError(problem: "a text is no UTF-8")
        }
        return text
    }
}

// MARK: - Where gRPC asks for them

/// Reads a message out of a call.
struct ProtobufDeserializer<Message: ProtobufReadable>: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> Message {
        try Self.message(bytes.withUnsafeBytes { Array($0) })
    }

    private static func message(_ bytes: [UInt8]) throws -> Message {
        var message = Message()
        do {
            try message.read(bytes[...])
        } catch let error as ProtobufError {
            throw RPCError(code: .invalidArgument, message: "The request is no message of this call: \(error.problem).")
        }
        return message
    }
}

/// Writes a message into an answer.
struct ProtobufSerializer<Message: ProtobufWritable>: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: Message) throws -> Bytes {
        var writer = ProtobufWriter()
        message.write(to: &writer)
        return Bytes(writer.data)
    }
}
