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
