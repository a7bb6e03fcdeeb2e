import Audio
import FunctionHost
import NIOCore
import Synchronization
import Threading

/// Where tracks are decoded and encoded while they are sent, a few at a time.
///
/// What counts is memory, in tracks: each has a decoder and some blocks of its file, about 1.5 MB. Whoever finds no room is told when
/// to come back; one key may take half of it, so that others find some.
final class RenderingDesk: Sendable {
    private let limit: Int
    private let taken = Mutex<(all: Int, byKey: [String: Int])>((0, [:]))

    /// A desk with room for so many tracks.
    init(limit: Int) { self.limit = limit }

    /// For how many tracks a rendering counts: its encoder holds something, too, that of FLAC tables of 7 MB.
    static func weight(of tracks: Int, as shape: Rendering.Shape) -> Int {
        let encoder =
            switch shape.format {
            case .wav16: 0
            case .flac: 4
            default: 2
            }
        return max(1, tracks) + encoder
    }

    /// Room for some tracks; given back when nobody holds it any more.
    final class Place: Sendable {
        private let desk: RenderingDesk
        private let tracks: Int
        private let key: String?

        fileprivate init(_ desk: RenderingDesk, tracks: Int, key: String?) {
            (self.desk, self.tracks, self.key) = (desk, tracks, key)
        }

        deinit { desk.leave(tracks, key: key) }
    }

    /// Takes room for a caller.
    ///
    /// - Throws: a 503 ``Problem`` when there is none, and 429 when the caller's key has its part already.
    func enter(_ tracks: Int, of caller: Caller) throws -> Place {
        let key = caller.name
        try taken.withLock { taken in
            guard taken.all + tracks <= limit else {
                throw Problem.unavailable(
                    "As many tracks as can be are being rendered at the moment; try again in a few seconds.",
                    retryAfter: 2)
            }
            if let key {
                // A single rendering is never refused to somebody who has none.
                let own = taken.byKey[key] ?? 0
                guard own == 0 || own + tracks <= max(1, limit / 2) else {
                    throw Problem(
                        .tooManyRequests,
                        detail:
                            "Your key has \(own) tracks being rendered, of \(limit / 2) that it may; wait for one to end.",
                        headers: [.retryAfter: "2"])
                }
                taken.byKey[key] = own + tracks
            }
            taken.all += tracks
        }
        return Place(self, tracks: tracks, key: key)
    }

    private func leave(_ tracks: Int, key: String?) {
        taken.withLock { taken in
            taken.all -= tracks
            guard let key else { return }
            let left = (taken.byKey[key] ?? 0) - tracks
            taken.byKey[key] = left > 0 ? left : nil
        }
    }

    /// Renders tracks piece by piece; the next piece is made when this one was taken.
    ///
    /// - Throws: what the storage does, and `AudioError` for a track that cannot be decoded.
    static func render(
        _ tracks: [(track: StoredTrack, gain: TrackGain)], as shape: Rendering.Shape,
        _ take: (ByteBuffer) async throws -> Void
    ) async throws {
        let bench = RenderingBench(tracks, as: shape)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (track, _) in tracks { group.addTask { await track.serve() } }
            defer { group.cancelAll() }
            while let piece = try await bench.next() { try await take(piece) }
        }
    }
}

/// A rendering on a thread of its own.
private actor RenderingBench {
    private let thread = BlockingThread(name: "render")
    private let rendering: Rendering
    private let tracks: [StoredTrack]

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(_ tracks: [(track: StoredTrack, gain: TrackGain)], as shape: Rendering.Shape) {
        self.tracks = tracks.map(\.track)
        rendering = Rendering(tracks.map { Rendering.Track($0.track, gain: $0.gain) }, as: shape)
    }

    func next() throws -> ByteBuffer? {
        do {
            let bytes = try rendering.next()
            // A block that could not be had looks like the end of the track to its decoder.
            for track in tracks { try track.check() }
            return bytes.map { ByteBuffer(bytes: $0) }
        } catch {
            for track in tracks { try track.check() }
            throw error
        }
    }
}
