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
