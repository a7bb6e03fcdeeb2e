/// Something that people should hear of: on Kubernetes an Event on the Deployment.
public struct Announcement: Sendable, Equatable {
    /// Somebody should look, as opposed to business as usual.
    public var isWarning: Bool
    /// Why, one word: `ScaledUp`.
    public var reason: String
    /// The sentence.
    public var note: String

    /// An announcement.
    public init(isWarning: Bool = false, reason: String, note: String) {
        self.isWarning = isWarning
        self.reason = reason
        self.note = note
    }
}
