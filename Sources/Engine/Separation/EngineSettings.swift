public import EnvironmentSettings
public import Tensors

/// What the environment says of the engine's work on this machine.
public struct EngineSettings: Configurable {
    /// How many threads work together; nil for one for each core that the process may use.
    public var threads: Int?
    /// What the operands of products are rounded to; nil for what the work itself asks for.
    public var precision: Precision?
    /// The kernels to use, whatever they compute in; nil for the fastest of the precision.
    public var kernels: Kernels?
    /// What memory the process may take.
    var memory = MemoryRule.ofControlGroup

    enum MemoryRule: Sendable {
        case ofControlGroup, unlimited, bytes(Int)
    }

    /// The fastest that this machine has.
    public static let usual = EngineSettings()

    /// The variables.
    public static var settings: [Setting<EngineSettings>] {
        [
            Setting("MSAAS_THREADS", \.threads, .whole(1...1024), otherwise: "the cores that it may use"),
            Setting("MSAAS_PRECISION", \.precision, .choice, otherwise: "float32"),
            Setting(
                "MSAAS_KERNELS", \.kernels,
                Form("one of \(Kernels.names.joined(separator: ", ")) that this processor has") { Kernels(named: $0) },
                otherwise: "the fastest"),
            Setting("MSAAS_MEMORY_LIMIT", \.memory, .memoryRule, otherwise: "the control group's"),
        ]
    }

    /// The kernels that the environment asks for, by name or by precision.
    ///
    /// - Parameter usual: the precision where it asks for none
    public func choice(usual: Precision = .float32) -> KernelChoice {
        kernels.map { KernelChoice($0) } ?? .measured(for: precision ?? usual)
    }

    /// What the process may take: as the environment says, else as its control group does; nil where nobody limits it.
    public var memoryLimit: MemoryLimit? {
        switch memory {
        case .ofControlGroup: .ofControlGroup()
        case .unlimited: nil
        case .bytes(let bytes): MemoryLimit(bytes: bytes, source: "MSAAS_MEMORY_LIMIT")
        }
    }
}

extension Form<Int> {
    /// An amount of memory.
    static var memory: Form { .size(atLeast: 1) }
}

extension Form<EngineSettings.MemoryRule> {
    fileprivate static var memoryRule: Form {
        Form("a size such as 600M or 32MiB, or none") {
            $0 == "none" ? .unlimited : Form<Int>.memory.read($0).map { .bytes($0) }
        }
    }
}
