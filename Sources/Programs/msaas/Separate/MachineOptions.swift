import ArgumentParser
import EnvironmentSettings
import Foundation
import Separation
import Tensors

/// What the separation runs on.
struct MachineOptions: ParsableArguments {
    @Option(
        help: "Threads that work together (default: MSAAS_THREADS, else one for each core that the process may use).")
    var threads: Int?

    @Option(
        help: ArgumentHelp(
            "float32 or bf16 (default: MSAAS_PRECISION, else float32).",
            discussion: """
                bf16 rounds the operands of products to 8 significant bits where the processor is faster with that: with a \
                matrix unit (AMX) or AVX512-BF16, which is measured at the start. Elsewhere it is float32.
                """))
    var precision: Precision?

    @Option(name: .shortAndLong, help: "Only cpu.")
    var device = "cpu"

    func validate() throws {
        guard device == "cpu" else {
            throw ValidationError(
                "The device \(device) is not used here; the separation runs on the CPU (--device cpu).")
        }
        guard (1...1024).contains(threads ?? 1) else {
            throw ValidationError("The number of threads is between 1 and 1024.")
        }
    }

    /// What flags and the environment ask for; a flag goes before its variable.
    func settings() throws -> EngineSettings {
        var settings = try EngineSettings.reading(ProcessInfo.processInfo.environment)
        settings.precision = precision ?? settings.precision
        settings.threads = threads ?? settings.threads
        return settings
    }
}

extension EngineSettings {
    /// How many threads compute.
    var threadCount: Int { threads ?? Processors.available() }
}

extension Precision: ExpressibleByArgument {}

/// How many tracks there are, and how many are worked on at a time.
struct BatchOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Also take what is in the folders inside the folders that are named.")
    var recursive = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Tracks at a time (default: 1); they share the threads, and are fewer where memory does not allow so many.",
            discussion: "All threads work on one track anyway: this is for folders of short tracks."))
    var jobs = 0

    @Option(
        help: ArgumentHelp(
            "The most memory to take, such as 600M or 1.5Gi; what cannot fit is refused before it starts.",
            discussion: "Default: MSAAS_MEMORY_LIMIT, else the limit of the container (control group), if it has one.",
            valueName: "amount"))
    var memoryLimit: String?

    @Flag(name: .shortAndLong, help: "Say more.")
    var verbose = false

    func validate() throws {
        guard (0...1024).contains(jobs) else {
            throw ValidationError("--jobs is \(jobs); it must be between 1 and 1024, or 0 for the default.")
        }
    }

    /// What the process may take; nil where nobody says so.
    func limit(_ settings: EngineSettings) throws -> MemoryLimit? {
        try memoryLimit.map { try MemoryLimit($0, source: "--memory-limit") } ?? settings.memoryLimit
    }
}
