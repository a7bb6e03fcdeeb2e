import ArgumentParser
import Foundation
import Separation
import Tensors

/// What the separation runs on.
struct MachineOptions: ParsableArguments {
    @Option(
        help: "Threads that work together (default: MSAAS_THREADS, else one for each core that the process may use).")
    var threads: Int?

    @Option(name: .shortAndLong, help: "The same as --threads; unlike in the reference, memory does not grow with it.")
    var jobs = 0

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
        guard jobs >= 0, threads ?? 1 >= 1, max(jobs, threads ?? 1) <= 1024 else {
            throw ValidationError("The number of threads is between 1 and 1024.")
        }
    }

    /// The precision that was asked for.
    func askedPrecision() throws -> Precision {
        try precision ?? .inForce(environment: ProcessInfo.processInfo.environment)
    }

    /// The kernels for that, or those that `MSAAS_KERNELS` names.
    func kernels() throws -> KernelChoice {
        try .inForce(askedPrecision(), environment: ProcessInfo.processInfo.environment)
    }

    var threadCount: Int {
        let environment = ProcessInfo.processInfo.environment["MSAAS_THREADS"].flatMap(Int.init).flatMap {
            $0 > 0 ? $0 : nil
        }
        return threads ?? (jobs > 0 ? jobs : nil) ?? environment ?? Processors.available()
    }
}

extension Precision: ExpressibleByArgument {}
