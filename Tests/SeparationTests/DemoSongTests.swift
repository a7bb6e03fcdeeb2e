import Audio
import Checkpoints
import Foundation
import Separation
import Testing

/// The model and the song that come with the program: as good as with the reference (see `Demo/make_scores.py`).
struct DemoSongTests {
    @Test func `the demo song's stems score what the reference's score`() throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
        let starter = tests.deletingLastPathComponent().deletingLastPathComponent().appending(path: "models/starter")
        let scores = try JSONDecoder().decode(
            [String: Double].self, from: Data(contentsOf: tests.appending(path: "Demo/reference_scores.json")))
        let bag = try Bag(
            name: "starter", checkpoints: [Checkpoint(contentsOf: starter.appending(path: "starter.safetensors"))],
            threads: ProcessInfo.processInfo.activeProcessorCount)
        let studio = try Studio()
        let report = try Separator(bag: bag, options: plainOptions())
            .separate(starter.appending(path: "demo/song.mp3"), to: studio.stem)
        #expect(report.warnings == [])
        #expect(scores.count == 4)
        for stem in report.stems {
            let truth = try readTrack(starter.appending(path: "demo/\(stem.name).mp3"), sampleRate: 44100)
            let score = try decibels(truth, against: readTrack(stem.url, sampleRate: 44100))
            let reference = try #require(scores[stem.name])
            #expect(abs(score - reference) < 0.05, "\(stem.name)")
        }
    }
}
