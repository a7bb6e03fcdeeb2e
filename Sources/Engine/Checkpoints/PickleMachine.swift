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

extension PickleMachine {
    /// `('storage', type, key, device, number of elements)`.
    mutating func loadStorage() throws {
        guard case .container(let identifier) = try pop(), identifier.kind == .tuple, identifier.items.count == 5,
            case .string("storage") = identifier.items[0], case .global(.storage(let element)) = identifier.items[1],
            case .string(let key) = identifier.items[2], case .int(let count) = identifier.items[4], count >= 0
        else { throw CheckpointProblem.malformed("its pickle refers to something else than a tensor's storage") }
        stack.append(.storage(try storage(PersistentID(element: element, key: key, count: count))))
    }

    /// What a call of a known global with a tuple of arguments means.
    mutating func reduce() throws {
        let call = try pop(2)
        guard case .global(let global) = call[0], case .container(let arguments) = call[1], arguments.kind == .tuple
        else { throw outOfStep }
        switch global {
        case .rebuildTensor: stack.append(.tensor(try tensor(arguments.items)))
        case .rebuildParameter:
            guard case .tensor? = arguments.items.first else { throw outOfStep }
            stack.append(arguments.items[0])
        case .size:
            guard arguments.items.count == 1, case .container(let sizes) = arguments.items[0] else { throw outOfStep }
            push(.tuple, sizes.items)
        case .orderedDictionary:
            guard arguments.items.isEmpty else {
                throw CheckpointProblem.unsupported("it holds an OrderedDict written by an old Python")
            }
            push(.dictionary, [])
        case .fraction: stack.append(try Self.fraction(arguments.items))
        case .storage: throw outOfStep
        case .modelClass(let name):
            throw CheckpointProblem.unsupported("it holds an object of \(name) where it should hold plain data")
        }
    }

    /// Arguments of `torch._utils._rebuild_tensor_v2`: storage, offset, size, stride, requires_grad, hooks.
    private func tensor(_ arguments: [PickleValue]) throws -> TensorRecord {
        guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .int(let offset) = arguments[1]
        else { throw CheckpointProblem.malformed("its pickle describes a tensor wrongly") }
        return try TensorRecord(
            element: storage.element, storage: storage.range, offset: offset, shape: try Self.extents(arguments[2]),
            strides: try Self.extents(arguments[3]))
    }

    private static func extents(_ value: PickleValue) throws -> [Int] {
        guard case .container(let tuple) = value, tuple.kind == .tuple, tuple.items.count <= 16 else {
            throw CheckpointProblem.malformed("its pickle describes a tensor wrongly")
        }
        return try tuple.items.map {
            guard case .int(let extent) = $0 else {
                throw CheckpointProblem.malformed("its pickle describes a tensor wrongly")
            }
            return extent
        }
    }

    /// A fraction from numerator and denominator or, as older Pythons write it, from text such as `39/5`.
    private static func fraction(_ arguments: [PickleValue]) throws -> PickleValue {
        var parts: [Int?] = arguments.map { if case .int(let value) = $0 { value } else { nil } }
        if arguments.count == 1, case .string(let text) = arguments[0] {
            parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        }
        if parts.count == 1 { parts.append(1) }
        guard parts.count == 2, let numerator = parts[0], let denominator = parts[1], denominator > 0 else {
            throw CheckpointProblem.malformed("its pickle holds an impossible fraction")
        }
        return .fraction(numerator, denominator)
    }

    /// Sets attributes. Only an OrderedDict's are met (`_metadata` of a state dict), and nothing needs them.
    mutating func build() throws {
        _ = try pop()
        guard case .container(let container) = try top(), container.kind == .dictionary else { throw outOfStep }
    }
}

/// The instructions of a pickle that data needs, out of protocols 2 to 5. Every other instruction is refused.
///
/// Source: the tables of Python's standard module `pickletools`.
enum PickleOpcode: UInt8 {
    // Framing
    case proto = 0x80
    case frame = 0x95
    case stop = 0x2e
    // The stack
    case mark = 0x28
    case pop = 0x30
    case popMark = 0x31
    case duplicate = 0x32
    // Atoms
    case none = 0x4e
    case newTrue = 0x88
    case newFalse = 0x89
    case int4 = 0x4a
    case int1 = 0x4b
    case int2 = 0x4d
    case long1 = 0x8a
    case float = 0x47
    case unicode4 = 0x58
    case unicode1 = 0x8c
    case unicode8 = 0x8d
    case bytes1 = 0x43
    case bytes4 = 0x42
    // Containers
    case emptyTuple = 0x29
    case tuple1 = 0x85
    case tuple2 = 0x86
    case tuple3 = 0x87
    case tuple = 0x74
    case emptyList = 0x5d
    case append = 0x61
    case appends = 0x65
    case emptyDictionary = 0x7d
    case setItem = 0x73
    case setItems = 0x75
    // The memo
    case get1 = 0x68
    case get4 = 0x6a
    case put1 = 0x71
    case put4 = 0x72
    case memoize = 0x94
    // Objects
    case global = 0x63
    case stackGlobal = 0x93
    case persistentID = 0x51
    case reduce = 0x52
    case newObject = 0x81
    case build = 0x62
}
