/// Reads a pickle into plain data. It has no way to call anything: the few known functions are understood by what
/// they mean (``PickleGlobal``), every other name is refused.
///
/// Work and memory are bounded by the pickle's length, and no step recurses into nested values.
struct PickleMachine {
    private var cursor: ByteCursor
    let storage: (PersistentID) throws -> TensorStorage
    var stack: [PickleValue] = []
    /// Heights of the stack at which a mark was set.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// Every container made, so that taking them apart at the end does not recurse.
    private var containers: [PickleContainer] = []

    /// A reference to a storage outside the pickle, as `torch.save` writes it.
    struct PersistentID {
        var element: ElementType
        var key: String
        var count: Int
    }

    /// Runs the pickle in `range` and hands its result to `body`. Containers are emptied afterwards.
    ///
    /// - Parameter storage: finds the bytes behind a persistent id
    /// - Throws: `CheckpointProblem`
    static func read<Result>(
        _ bytes: FileBytes, in range: Range<Int>, storage: @escaping (PersistentID) throws -> TensorStorage,
        _ body: (PickleValue) throws -> Result
    ) throws -> Result {
        guard range.count <= 1 << 20 else {
            throw CheckpointProblem.unsupported("its pickle is longer than 1 MiB")
        }
        var machine = PickleMachine(
            cursor: ByteCursor(bytes, in: range, subject: "its pickle"), storage: storage)
        defer { for container in machine.containers { container.items = [] } }
        return try body(try machine.run())
    }

    private init(cursor: ByteCursor, storage: @escaping (PersistentID) throws -> TensorStorage) {
        self.cursor = cursor
        self.storage = storage
    }

    private mutating func run() throws -> PickleValue {
        while true {
            let byte = try cursor.integer(UInt8.self)
            guard let opcode = PickleOpcode(rawValue: byte) else {
                throw CheckpointProblem.malformed("its pickle holds instruction \(byte), which no checkpoint needs")
            }
            if opcode == .stop { return try pop() }
            try step(opcode)
        }
    }

    private mutating func step(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .proto:
            let version = try cursor.integer(UInt8.self)
            guard (2...5).contains(version) else {
                throw CheckpointProblem.unsupported("its pickle has protocol \(version)")
            }
        case .frame: _ = try cursor.length64()
        case .stop: break
        case .mark: marks.append(stack.count)
        case .pop: _ = try pop()
        case .popMark: _ = try popToMark()
        case .duplicate: stack.append(try top())
        case .none: stack.append(.none)
        case .newTrue: stack.append(.bool(true))
        case .newFalse: stack.append(.bool(false))
        case .int4: stack.append(.int(Int(try cursor.integer(Int32.self))))
        case .int1: stack.append(.int(Int(try cursor.integer(UInt8.self))))
        case .int2: stack.append(.int(Int(try cursor.integer(UInt16.self))))
        case .long1: stack.append(.int(try long()))
        case .float: stack.append(.double(Double(bitPattern: try cursor.integer(UInt64.self).byteSwapped)))
        case .unicode1: try pushText(Int(try cursor.integer(UInt8.self)))
        case .unicode4: try pushText(Int(try cursor.integer(UInt32.self)))
        case .unicode8: try pushText(try cursor.length64())
        case .bytes1: try pushBytes(Int(try cursor.integer(UInt8.self)))
        case .bytes4: try pushBytes(Int(try cursor.integer(UInt32.self)))
        case .emptyTuple: push(.tuple, [])
        case .tuple1: push(.tuple, try pop(1))
        case .tuple2: push(.tuple, try pop(2))
        case .tuple3: push(.tuple, try pop(3))
        case .tuple: push(.tuple, try popToMark())
        case .emptyList: push(.list, [])
        case .append: try extend(.list, try pop(1))
        case .appends: try extend(.list, try popToMark())
        case .emptyDictionary: push(.dictionary, [])
        case .setItem: try extend(.dictionary, try pop(2))
        case .setItems: try extend(.dictionary, try popToMark())
        case .get1: try recall(Int(try cursor.integer(UInt8.self)))
        case .get4: try recall(Int(try cursor.integer(UInt32.self)))
        case .put1: memo[Int(try cursor.integer(UInt8.self))] = try top()
        case .put4: memo[Int(try cursor.integer(UInt32.self))] = try top()
        case .memoize: memo[memo.count] = try top()
        case .global:
            let module = try cursor.line()
            stack.append(.global(try PickleGlobal(module: module, name: try cursor.line())))
        case .stackGlobal:
            let names = try pop(2)
            guard case .string(let module) = names[0], case .string(let name) = names[1] else { throw outOfStep }
            stack.append(.global(try PickleGlobal(module: module, name: name)))
        case .persistentID: try loadStorage()
        case .reduce, .newObject: try reduce()
        case .build: try build()
        }
    }
}

// MARK: - Stack

extension PickleMachine {
    var outOfStep: CheckpointProblem { .malformed("its pickle is out of step") }

    func top() throws -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.last else { throw outOfStep }
        return value
    }

    mutating func pop() throws -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    mutating func pop(_ count: Int) throws -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else { throw outOfStep }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw outOfStep }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    mutating func push(_ kind: PickleContainer.Kind, _ items: [PickleValue]) {
        let container = PickleContainer(kind, items)
        containers.append(container)
        stack.append(.container(container))
    }

    private mutating func extend(_ kind: PickleContainer.Kind, _ items: [PickleValue]) throws {
        guard case .container(let container) = try top(), container.kind == kind,
            kind != .dictionary || items.count.isMultiple(of: 2)
        else { throw outOfStep }
        container.items.append(contentsOf: items)
    }

    private mutating func recall(_ index: Int) throws {
        guard let value = memo[index] else { throw outOfStep }
        stack.append(value)
    }

    private mutating func pushText(_ count: Int) throws { stack.append(.string(try cursor.text(count))) }

    private mutating func pushBytes(_ count: Int) throws {
        _ = try cursor.take(count)
        stack.append(.bytes)
    }

    /// A whole number of up to 8 bytes in two's complement.
    private mutating func long() throws -> Int {
        let bytes = try cursor.take(Int(try cursor.integer(UInt8.self)))
        guard bytes.count <= 8 else { throw CheckpointProblem.unsupported("its pickle holds a number above 64 bits") }
        guard let last = bytes.last else { return 0 }
        return bytes.dropLast().reversed().reduce(Int(Int8(bitPattern: last))) { $0 << 8 | Int($1) }
    }
}
