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
