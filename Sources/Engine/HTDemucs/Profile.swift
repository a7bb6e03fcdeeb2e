#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How long each layer of the model took, over all passes that were given it.
public final class Profile {
    /// One layer's share.
    public struct Layer: Sendable {
        /// Name, as in the reference's state dictionary.
        public let name: String
        /// Floating-point operations of its products, over all passes.
        public var operations: Double
        /// Wall-clock seconds, over all passes.
        public var seconds: Double
        /// Seconds of processor time of the whole process, over all passes; on a busy machine the truer measure.
        public var processorSeconds: Double
        /// How often it ran.
        public var runs: Int
        /// Billions of floating-point operations a second.
        public var gigaflops: Double { seconds > 0 ? operations / seconds * 1e-9 : 0 }
    }

    /// The layers in the order in which they ran first.
    public private(set) var layers: [Layer] = []

    /// An empty profile.
    public init() {}

    func add(_ name: String, operations: Double, seconds: Double, processorSeconds: Double) {
        let index = layers.firstIndex { $0.name == name }
        if let index {
            layers[index].operations += operations
            layers[index].seconds += seconds
            layers[index].processorSeconds += processorSeconds
            layers[index].runs += 1
        } else {
            layers.append(
                Layer(
                    name: name, operations: operations, seconds: seconds, processorSeconds: processorSeconds, runs: 1))
        }
    }

    /// Processor time that the process has used so far, in seconds.
    static var processorTime: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
