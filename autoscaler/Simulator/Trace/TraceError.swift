/// A trace that cannot be read, as a sentence with the line it stumbled on.
public struct TraceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The trace's name.
    public var name: String
    /// Counted from 1; nil when the trace as a whole is at fault.
    public var line: Int?
    /// What is wrong, and what was expected.
    public var problem: String

    /// Name, line and problem.
    public var description: String { name + (line.map { ", line \($0)" } ?? "") + ": " + problem }
}
