/// Everything that one decision is taken on, read at about the same moment.
public struct Observation: Sendable, Equatable {
    /// The jobs to do, from Redis.
    public var backlog: Reading<Backlog>
    /// The workers that exist, from the Kubernetes API (or the local supervisor) and their heartbeats.
    public var fleet: Reading<Fleet>
    /// The memory that further workers may ask for.
    public var memory: Reading<MemoryRoom>
    /// What the operator has asked for.
    public var control: Control

    /// An observation of its parts.
    public init(
        backlog: Reading<Backlog>, fleet: Reading<Fleet>, memory: Reading<MemoryRoom>, control: Control = .automatic
    ) {
        self.backlog = backlog
        self.fleet = fleet
        self.memory = memory
        self.control = control
    }
}
