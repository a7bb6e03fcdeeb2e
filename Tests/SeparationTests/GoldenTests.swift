import Checkpoints
import Foundation
import Separation
import Testing

/// Whole tracks through real models, against the reference's `Separator.separate_tensor` (see `Goldens/make_goldens.py`).
struct GoldenTests {
    /// A line of `cases.json`.
    struct Case: Codable, Sendable, CustomTestStringConvertible {
        var name: String
        var models: [String]
        var frames: Int
        var sources: [String]
        var weights: [[Double]]?
        var bagSegment: Double?
        var seed: UInt64?
        var shifts: Int
        var overlap: Double
        var segment: Double?

        var testDescription: String { name }
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens")
    static let cases = Result {
        try JSONDecoder().decode([Case].self, from: Data(contentsOf: folder.appending(path: "cases.json")))
    }

    @Test func `there are cases`() throws {
        #expect(try Self.cases.get().count == 12)
    }

    @Test(arguments: (try? cases.get()) ?? [], [1, 2])
    func `a separation is the reference's`(golden: Case, threads: Int) throws {
        let studio = try Studio()
        let track = try Self.planes("track", rows: 2).map { Array($0.prefix(golden.frames)) }
        try writeTrack(track, to: studio.url("track.wav"), sampleRate: 2000)

        let checkpoints = try golden.models.map { try Checkpoint(contentsOf: Self.folder.appending(path: $0)) }
        let bag = try Bag(
            name: golden.name, checkpoints: checkpoints, weights: golden.weights, segment: golden.bagSegment,
            threads: threads)
        let options = plainOptions {
            $0.shifts = golden.shifts
            $0.seed = golden.seed
            $0.overlap = golden.overlap
            $0.segment = golden.segment
        }
        let report = try Separator(bag: bag, options: options).separate(studio.url("track.wav"), to: studio.stem)

        #expect(report.stems.map(\.name) == golden.sources)
        let expected = try Self.planes(golden.name, rows: golden.sources.count * 2)
        for (index, stem) in report.stems.enumerated() {
            let rows = expected[(2 * index)...(2 * index + 1)].map { $0.map(Double.init) }
            let likeness = try decibels(rows, against: readTrack(stem.url, sampleRate: 2000))
            #expect(likeness >= 80, "\(stem.name)")
        }
    }

    /// A file of floats as rows of equal length.
    private static func planes(_ name: String, rows: Int) throws -> [[Float]] {
        let data = try Data(contentsOf: folder.appending(path: "\(name).f32"))
        let values = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
        let length = values.count / rows
        return (0..<rows).map { Array(values[($0 * length)..<(($0 + 1) * length)]) }
    }
}
