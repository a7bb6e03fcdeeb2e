/// Who of several controllers may act.
public protocol Leadership: Sendable {
    /// What this controller is called among them.
    var identity: String { get }
    /// Strives for leadership until the task is cancelled.
    ///
    /// - Parameter changed: called when it was won or lost.
    func run(changed: @escaping @Sendable () -> Void) async
    /// Whether this controller leads, and nobody else can at this moment.
    func isLeading() async -> Bool
    /// Gives leadership up, so that another can have it at once.
    func release() async
}

/// The leadership of a controller that is alone.
public struct SoleLeadership: Leadership {
    /// See ``Leadership/identity``.
    public let identity: String
    /// A controller of that name.
    public init(identity: String) { self.identity = identity }
    /// Nothing to strive for.
    public func run(changed: @escaping @Sendable () -> Void) async { changed() }
    /// Always.
    public func isLeading() async -> Bool { true }
    /// Nobody else would take it.
    public func release() async {}
}
