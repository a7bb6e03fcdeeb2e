/// What happens to samples beyond full scale before they are written; the reference's `prevent_clip`.
public enum ClipMode: String, Sendable, CaseIterable, Codable {
    /// If the peak would clip, the whole file is made quieter, so that its peak is at 1 / 1.01.
    case rescale
    /// Samples are limited to ±0.99.
    case clamp
    /// Nothing but the format's own limit of ±1.
    case none
}
