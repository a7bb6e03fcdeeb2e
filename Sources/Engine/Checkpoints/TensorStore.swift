import Synchronization

/// The tensors of a checkpoint, each handed out once as `Float`, whatever its type in the file.
///
/// A model takes what it needs by name and shape and then calls ``assertEmpty()``, so that a checkpoint that lacks a
/// tensor, has one of another shape or has one too many fails to load instead of sounding wrong. Several threads may
/// take tensors at the same time.
public final class TensorStore: Sendable {
    private let file: String
    private let bytes: FileBytes
    private let records: [String: TensorRecord]
    private let taken = Mutex<Set<String>>([])

    init(file: String, bytes: FileBytes, records: [String: TensorRecord]) {
        self.file = file
        self.bytes = bytes
        self.records = records
    }

    /// Names of all tensors in the file, in order.
    public var names: [String] { records.keys.sorted() }

    /// How many numbers all tensors hold together.
    public var elementCount: Int { records.values.reduce(0) { $0 + $1.count } }

    /// The tensor's shape in the file; nil when there is none of that name. Does not count as taking it.
    public func shape(of name: String) -> [Int]? { records[name]?.shape }

    /// Takes the tensor `name`, which must have exactly `shape`, in row-major order.
    ///
    /// - Throws: ``CheckpointError`` naming the tensor when it is missing, has another shape or was taken before
    public func take(_ name: String, shape: [Int]) throws -> [Float] {
        let record = try claim(name, shape: shape)
        return [Float](unsafeUninitializedCapacity: record.count) { target, count in
            if let start = target.baseAddress { copy(record, to: start) }
            count = record.count
        }
    }

    /// Takes the tensor `name`, which must have exactly `shape`, into `target` in row-major order.
    ///
    /// - Precondition: `target` holds exactly as many numbers as `shape`
    /// - Throws: ``CheckpointError`` naming the tensor when it is missing, has another shape or was taken before
    public func take(_ name: String, shape: [Int], into target: UnsafeMutableBufferPointer<Float>) throws {
        let record = try claim(name, shape: shape)
        precondition(target.count == record.count, "the buffer for \(name) has another size than the tensor")
        if let start = target.baseAddress { copy(record, to: start) }
    }

    /// Checks that every tensor was taken.
    ///
    /// - Throws: ``CheckpointError`` with the names of those that were not
    public func assertEmpty() throws {
        let left = taken.withLock { taken in records.keys.filter { !taken.contains($0) } }.sorted()
        guard left.isEmpty else { throw CheckpointError(file: file, problem: .unusedTensors(left)) }
    }

    private func claim(_ name: String, shape: [Int]) throws -> TensorRecord {
        guard let record = records[name] else {
            throw CheckpointError(file: file, problem: .missingTensor(name: name, shape: shape))
        }
        guard record.shape == shape else {
            throw CheckpointError(
                file: file, problem: .tensorShape(name: name, expected: shape, found: record.shape))
        }
        guard taken.withLock({ $0.insert(name).inserted }) else {
            throw CheckpointError(file: file, problem: .tensorTaken(name: name))
        }
        return record
    }

    /// Copies, then gives a large tensor's pages back, so that loading holds one copy of the weights and not two.
    private func copy(_ record: TensorRecord, to target: UnsafeMutablePointer<Float>) {
        record.copy(from: bytes, to: target)
        if let range = record.contiguousRange, range.count >= 1 << 18 { bytes.release(range) }
    }
}

/// Where a tensor's numbers are in a file. Made by ``init(element:storage:offset:shape:strides:)``, which checks that
/// every element lies inside the storage.
struct TensorRecord: Sendable {
    let element: ElementType
    /// Extent of each axis; empty for a single number.
    let shape: [Int]
    /// Distance between neighbours along each axis, in elements.
    let strides: [Int]
    /// Byte offset in the file of the first element.
    let start: Int
    /// How many elements the tensor has.
    let count: Int

    /// - Parameters:
    ///   - storage: bytes in the file that belong to the tensor's storage; must already lie in the file
    ///   - offset: first element, counted in elements from the start of the storage
    init(element: ElementType, storage: Range<Int>, offset: Int, shape: [Int], strides: [Int]) throws {
        let capacity = storage.count / element.size
        guard shape.count == strides.count, shape.count <= 16, shape.allSatisfy({ $0 >= 0 }),
            strides.allSatisfy({ $0 >= 0 }), offset >= 0
        else { throw CheckpointProblem.malformed("a tensor has an impossible shape") }
        var last = offset
        var count = 1
        for (extent, stride) in zip(shape, strides) {
            let (product, tooMany) = count.multipliedReportingOverflow(by: extent)
            let (reach, tooFar) = stride.multipliedReportingOverflow(by: max(extent - 1, 0))
            let (sum, tooLarge) = last.addingReportingOverflow(reach)
            guard !tooMany, !tooFar, !tooLarge else {
                throw CheckpointProblem.malformed("a tensor has an impossible shape")
            }
            count = product
            last = sum
        }
        guard count == 0 || last < capacity, count <= capacity else {
            throw CheckpointProblem.malformed("a tensor of shape \(shape) reaches beyond its storage")
        }
        self.element = element
        self.shape = shape
        self.strides = strides
        self.start = count == 0 ? storage.lowerBound : storage.lowerBound + offset * element.size
        self.count = count
    }

    /// A tensor whose elements lie one after the other, in row-major order.
    init(element: ElementType, storage: Range<Int>, shape: [Int]) throws {
        var strides: [Int] = []
        var stride = 1
        for extent in shape.reversed() {
            strides.append(stride)
            stride = stride.multipliedReportingOverflow(by: max(extent, 1)).partialValue
            guard stride > 0 else { throw CheckpointProblem.malformed("a tensor has an impossible shape") }
        }
        try self.init(element: element, storage: storage, offset: 0, shape: shape, strides: strides.reversed())
        guard count.multipliedReportingOverflow(by: element.size) == (storage.count, false) else {
            throw CheckpointProblem.malformed("a tensor of shape \(shape) has \(storage.count) bytes")
        }
    }

    /// Bytes of the file that a tensor without gaps covers; nil when its elements are not in row-major order.
    var contiguousRange: Range<Int>? {
        guard count > 0 else { return start..<start }
        var expected = 1
        for (extent, stride) in zip(shape, strides).reversed() where extent != 1 {
            guard stride == expected else { return nil }
            expected *= extent
        }
        return start..<start + count * element.size
    }

    /// Writes all elements in row-major order to `target`, which holds `count` numbers.
    func copy(from bytes: FileBytes, to target: UnsafeMutablePointer<Float>) {
        guard count > 0, let base = bytes.buffer.baseAddress else { return }
        if contiguousRange != nil {
            FloatConversion.convert(base + start, element, to: target, count: count)
            return
        }
        var index = [Int](repeating: 0, count: shape.count)
        var offset = 0
        for position in 0..<count {
            FloatConversion.convert(base + start + offset * element.size, element, to: target + position, count: 1)
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                offset += strides[axis]
                if index[axis] < shape[axis] { break }
                offset -= strides[axis] * shape[axis]
                index[axis] = 0
                axis -= 1
            }
        }
    }
}

/// How a tensor's numbers are stored in a file; little-endian, all of them convert to `Float`.
enum ElementType: Sendable {
    case float16, bfloat16, float32, float64
    case int8, uint8, int16, int32, int64, bool

    /// Bytes of one number.
    var size: Int {
        switch self {
        case .int8, .uint8, .bool: 1
        case .float16, .bfloat16, .int16: 2
        case .float32, .int32: 4
        case .float64, .int64: 8
        }
    }
}

/// Widening of stored numbers to `Float`. The sources need no alignment; the loops vectorise.
enum FloatConversion {
    /// Writes `count` numbers of type `element`, stored one after the other at `source`, to `target`.
    static func convert(
        _ source: UnsafeRawPointer, _ element: ElementType, to target: UnsafeMutablePointer<Float>, count: Int
    ) {
        switch element {
        case .float16: widen(source, to: target, count: count, UInt16.self, half)
        case .bfloat16: widen(source, to: target, count: count, UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .float32: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
        case .float64: widen(source, to: target, count: count, UInt64.self) { Float(Double(bitPattern: $0)) }
        case .int8: widen(source, to: target, count: count, Int8.self) { Float($0) }
        case .uint8: widen(source, to: target, count: count, UInt8.self) { Float($0) }
        case .int16: widen(source, to: target, count: count, Int16.self) { Float($0) }
        case .int32: widen(source, to: target, count: count, Int32.self) { Float($0) }
        case .int64: widen(source, to: target, count: count, Int64.self) { Float($0) }
        case .bool: widen(source, to: target, count: count, UInt8.self) { $0 == 0 ? 0 : 1 }
        }
    }

    @inline(__always)
    private static func widen<Stored: BitwiseCopyable>(
        _ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int, _: Stored.Type,
        _ convert: (Stored) -> Float
    ) {
        for index in 0..<count {
            target[index] = convert(
                source.loadUnaligned(fromByteOffset: index &* MemoryLayout<Stored>.stride, as: Stored.self))
        }
    }

    /// IEEE 754 binary16 to binary32 in integer steps and one subtraction of normal numbers, so that it needs no
    /// F16C instructions, vectorises, and is exact also where denormals are flushed to zero.
    @inline(__always)
    static func half(_ bits: UInt16) -> Float {
        let bits = UInt32(truncatingIfNeeded: bits)
        let magnitude = (bits & 0x7fff) << 13
        let exponent = magnitude & 0x0f80_0000
        let rebiased = magnitude &+ (112 << 23)
        let subnormal = (Float(bitPattern: rebiased &+ (1 << 23)) - Float(bitPattern: 113 << 23)).bitPattern
        let special = rebiased &+ (112 << 23)  // infinity or not a number
        let value = exponent == 0 ? subnormal : (exponent == 0x0f80_0000 ? special : rebiased)
        return Float(bitPattern: value | (bits & 0x8000) << 16)
    }
}
