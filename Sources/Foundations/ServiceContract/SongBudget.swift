/// What one song of an owner may take of a worker, as the owner's key says; it travels with the job.
///
/// A worker has limits of its own for every song. Of the two the narrower one counts, so that a key can take less than
/// others and never more than the machine gives. What is nil goes by the worker's limit alone.
public struct SongBudget: Codable, Sendable, Equatable {
    /// Bytes of the song.
    public var songBytes: Int?
    /// Seconds of the song.
    public var songSeconds: Double?
    /// Frames a second of the song.
    public var sampleRates: ClosedRange<Int>?
    /// Seconds of audio that the models hear: the song's, times the shifts, divided by what overlap leaves of a segment.
    public var workSeconds: Double?
    /// Bytes of all stems together.
    public var stemBytes: Int?
    /// Bytes of the worker's disk that the song and its stems take while they are made.
    public var diskBytes: Int?
    /// Seconds by the clock until the stems are separated.
    public var jobSeconds: Double?

    /// A budget without limits of its own.
    public init() {}

    /// Whether it has no limit of its own.
    public var isEmpty: Bool { self == SongBudget() }

    /// The refusal of a song of too many bytes, if it has too many: a sentence for its owner.
    public func refusal(ofBytes bytes: Int) -> String? {
        guard let songBytes, bytes > songBytes else { return nil }
        return "Your key may send songs of at most \(songBytes) bytes; send it as FLAC or MP3, or in parts."
    }

    /// Reads the lowest and the highest rate in Hz: `4000-768000`.
    public static func sampleRates(_ text: some StringProtocol) -> ClosedRange<Int>? {
        let rates = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard rates.count == 2, let low = rates[0], let high = rates[1], low >= 1, low <= high, high <= 1 << 24 else {
            return nil
        }
        return low...high
    }
}
