import ArgumentParser
import Policy
import Simulator

/// What the simulated cluster is like.
struct ConditionsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("From a pod's creation to its readiness.", valueName: "time"))
    var podStart = "10s"

    @Option(help: ArgumentHelp("Seconds of work for one second of audio.", valueName: "factor"))
    var realTimeFactor = 0.3

    @Option(help: ArgumentHelp("For each job besides separating.", valueName: "time"))
    var jobOverhead = "2s"

    @Option(help: ArgumentHelp("What a pod is given to finish when it is told to go.", valueName: "time"))
    var grace = "30s"

    @Option(help: ArgumentHelp("What one worker asks for.", valueName: "MiB"))
    var workerMemory = 512

    @Option(help: ArgumentHelp("What there is for all workers (default: unlimited).", valueName: "MiB"))
    var memory: Int?

    @Option(help: ArgumentHelp("Varies the start times.", valueName: "number"))
    var seed: UInt64 = 1

    func conditions() throws -> Conditions {
        var conditions = Conditions()
        conditions.podStart = try seconds(podStart, "--pod-start")
        conditions.realTimeFactor = realTimeFactor
        conditions.jobOverhead = try seconds(jobOverhead, "--job-overhead")
        conditions.grace = try seconds(grace, "--grace")
        conditions.workerMemory = try bytes(workerMemory, "--worker-memory")
        conditions.memory = try memory.map { try bytes($0, "--memory") }
        conditions.seed = seed
        try conditions.validate()
        return conditions
    }

    private func seconds(_ text: String, _ option: String) throws -> Double {
        guard let length = Duration(text: text) else {
            throw ValidationError("\(option) is \"\(text)\", but it must be a length of time, such as 10s or 2m.")
        }
        return length.seconds
    }

    private func bytes(_ mebibytes: Int, _ option: String) throws -> Int64 {
        guard (1...1_000_000_000).contains(mebibytes) else {
            throw ValidationError("\(option) is \(mebibytes), but it must be from 1 to 1000000000 MiB.")
        }
        return Int64(mebibytes) << 20
    }
}
