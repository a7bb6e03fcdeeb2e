/// What the operator has asked of the autoscaler. It stays in force until the operator takes it back, whichever
/// controller decides.
public struct AutoscalerControl: Sendable, Equatable, Codable {
    /// Nothing is changed until the pause ends; an override has no effect meanwhile.
    public var isPaused: Bool
    /// So many workers, whatever the demand.
    public var override: Int?

    /// A control of its parts; without any the policy decides.
    public init(isPaused: Bool = false, override: Int? = nil) {
        self.isPaused = isPaused
        self.override = override
    }

    /// The policy decides.
    public static let automatic = AutoscalerControl()

    /// One thing the operator asks for.
    public enum Request: Sendable, Equatable {
        /// Change nothing from now on.
        case pause
        /// End the pause; an override is in force again.
        case resume
        /// Keep so many workers (negative counts as 0).
        case override(Int)
        /// Back to the policy: neither pause nor override.
        case clear
    }

    /// The control after `request`.
    public func applying(_ request: Request) -> AutoscalerControl {
        var result = self
        switch request {
        case .pause: result.isPaused = true
        case .resume: result.isPaused = false
        case .override(let count): result.override = max(0, count)
        case .clear: result = .automatic
        }
        return result
    }
}
