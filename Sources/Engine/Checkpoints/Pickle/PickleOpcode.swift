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
