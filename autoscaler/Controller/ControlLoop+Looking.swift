import Foundation
import Jobs
import Policy

extension ControlLoop {
    /// What one round has read.
    struct Look {
        var observation: Observation
        var jobs: JobsReading?
        var state: TargetState?
    }

    mutating func look() async -> Look {
        async let jobsRead = read("Redis") { [reader] in try await reader.read() }
        async let stateRead = read(target.name) { [target] in try await target.observe() }
        let (jobs, state) = await (jobsRead, stateRead)
        var memory = Reading<MemoryRoom>.unknown("The workers cannot be read.")
        var fleet = Reading<Fleet>.unknown(state.failure)
        if let state = state.value {
            ledger.note(state, jobs.value, at: now)
            fleet = .known(
                Fleet(state, jobs.value, ledger, patience: options.heartbeatTimeout / .seconds(1)))
            let room = await read(target.name) { [target] in try await target.memoryRoom(for: state) }
            memory = room.value.map { .known($0) } ?? .unknown(room.failure)
        }
        status.change {
            if jobs.value == nil { $0.failures["redis", default: 0] += 1 }
            if state.value == nil { $0.failures["target", default: 0] += 1 }
        }
        return Look(
            observation: Observation(
                backlog: jobs.value.map { .known($0.backlog) } ?? .unknown(jobs.failure), fleet: fleet, memory: memory,
                control: jobs.value?.control ?? .automatic),
            jobs: jobs.value, state: state.value)
    }

    private func read<Value: Sendable>(
        _ what: String, _ body: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error> {
        do { return .success(try await limited(what, to: Self.patience, body)) } catch { return .failure(error) }
    }
}

extension Result where Failure == any Error {
    fileprivate var value: Success? { try? get() }

    fileprivate var failure: String {
        if case .failure(let error) = self { "\(error)" } else { "" }
    }
}
