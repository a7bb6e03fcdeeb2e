/// What to do now, and why.
public struct Decision: Sendable, Equatable {
    /// What the Deployment should be set to now. Nil: it could not be read, leave it alone.
    /// When this differs from the observed count, patch it; it never asks for the removal of a worker that holds a job.
    public var replicas: Int?
    /// Where `replicas` is heading once the workers in `draining` have finished. Nil when unknown.
    public var target: Int?
    /// What the jobs alone would ask for, within the bounds. Nil when unknown.
    public var recommendation: Int?
    /// The workers that must claim no further job, those to go first in front. Every other worker may claim.
    /// Nil: leave all marks as they are.
    public var draining: [String]?
    /// Those of `draining` that can go now, which `replicas` has been lowered by. Set the marks first, then lower the
    /// deletion cost of these and of no other, then patch: whoever is only draining may still hold a job.
    public var leaving: [String] = []
    /// Why, the most decisive last: demand first, then each rule that changed the number.
    public var reasons: [Reason]
    /// To be handed to the next decision.
    public var history: History

    /// The reasons as one line.
    public var explanation: String { reasons.map(\.description).joined(separator: "; ") }
}
