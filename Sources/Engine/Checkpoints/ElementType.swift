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
