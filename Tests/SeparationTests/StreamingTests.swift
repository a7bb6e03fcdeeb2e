import Foundation
import Pacing
import Separation
import Testing

/// The streaming pass against the procedure that holds everything in memory.
struct StreamingTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    @Test(arguments: 0..<60) func `any cut, overlap, shift and bag gives what the whole-track procedure gives`(
        seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed &* 7919 &+ 5)
        let count = Int.random(in: 1...3, using: &random)
        let training = (0..<count).map { _ in Int.random(in: 30...500, using: &random) }
        let sources = ["drums", "bass", "other", "vocals"].dropLast(Int.random(in: 0...3, using: &random))
        let weights = (0..<count).map { index in
            sources.map { _ in
                index == 0 || Bool.random(using: &random) ? Double.random(in: 0.1...2, using: &random) : 0
            }
        }
        let channels = Int.random(in: 1...2, using: &random)
        let bag = try Bag.toy(
            sources: Array(sources), channels: channels, training: training, weights: weights,
            usesTrainingSegment: Int.random(in: 0...3, using: &random) > 0)
        let options = plainOptions {
            $0.overlap = [0, 0.1, 0.25, 0.5, 0.75, 0.93].randomElement(using: &random) ?? 0
            $0.shifts = Int.random(in: 0...3, using: &random)
            $0.seed = seed
            $0.segment =
                Bool.random(using: &random) ? nil : bag.longestSegment * Double.random(in: 0.2...1, using: &random)
        }
        let frames = Int.random(in: 1...[10, 300, 3000].randomElement(using: &random)!, using: &random)
        let track = noise(frames: frames, channels: channels, seed: seed)
        try writeTrack(track, to: studio.url("track.wav"))

        let lanes = LaneShape.lanes(bag: bag, options: options)
        let expected = separateNaively(track, bag: bag, lanes: lanes, shifts: options.shifts)
        let report = try Separator(bag: bag, options: options).separate(studio.url("track.wav"), to: studio.stem)

        #expect(report.stems.map(\.name) == bag.sources)
        #expect(report.stems.allSatisfy { $0.frames == frames })
        #expect(report.duration == Double(frames) / 1000)
        for (index, stem) in report.stems.enumerated() {
            let rows = Array(expected[(index * channels)..<((index + 1) * channels)])
            let likeness = try decibels(rows, against: readTrack(stem.url, channels: channels))
            #expect(likeness > 100, "\(stem.name): \(bag.members) \(options) \(frames) frames")
        }
    }

    @Test(arguments: [0, 3], [nil, 0.1]) func `what is held does not grow with the track`(shifts: Int, segment: Double?)
        throws
    {
        let bag = try Bag.toy(training: [400, 250])
        let options = plainOptions {
            $0.shifts = shifts
            $0.seed = 3
            $0.segment = segment
        }
        var sizes: [[Int]] = []
        for frames in [3_000, 60_000] {
            try writeTrack(noise(frames: frames, channels: 2), to: studio.url("track.wav"))
            let survey = try TrackSurvey(studio.url("track.wav"), sampleRate: 1000, channels: 2)
            #expect(survey.frames == frames)
            let pass = try SegmentPass(
                studio.url("track.wav"), survey: survey, bag: bag, options: options,
                recipes: StemRecipe.recipes(bag: bag, options: options), session: bag.makeSession([0, 1]))
            var emitted = 0
            try pass.run(progress: { _ in true }) { accumulator, _, end in
                #expect(accumulator.start == emitted)
                emitted = max(emitted, end)
            }
            #expect(emitted == frames)
            sizes.append([pass.accumulator.capacity, pass.window.largestSize / 4096])
        }
        #expect(sizes[0][0] <= 400)
        #expect(sizes[0][0] == sizes[1][0])
        // Decoding goes by blocks of 4096 frames, so the window is a segment and at most two of them.
        #expect(sizes[1][1] <= 2)
    }

    @Test func `silence, an offset without sound, and a single sample`() throws {
        let bag = try Bag.toy()
        for (name, track) in [
            ("silence", [[Float]](repeating: [Float](repeating: 0, count: 900), count: 2)),
            ("offset", [[Float]](repeating: [Float](repeating: 0.25, count: 900), count: 2)),
            ("click", [[0.5], [0.25]]),
        ] {
            try writeTrack(track, to: studio.url("\(name).wav"))
            let options = plainOptions()
            let report = try Separator(bag: bag, options: options).separate(studio.url("\(name).wav"), to: studio.stem)
            let mean = track.joined().reduce(0, +) / Float(track.joined().count)
            for stem in report.stems {
                let samples = try readTrack(stem.url)
                #expect(samples.map(\.count) == track.map(\.count))
                // The level of what has none is 1e-8, so that whatever the model says vanishes; the channels' difference stays.
                #expect(samples.joined().allSatisfy { abs($0 - mean) < 0.2 }, "\(name) \(stem.name)")
            }
        }
    }

    /// What is foretold counts the passes that are made, each as long as its model says.
    @Test(arguments: [0, 1, 3], [0, 0.25, 0.6]) func `the forecast counts the work`(
        shifts: Int, overlap: Double
    ) throws {
        let studio = try Studio()
        try writeTrack(noise(frames: 4321, channels: 2), to: studio.url("track.wav"))
        let calls = ToySession.Calls()
        let bag = try Bag.toy(training: [400, 300], calls: calls)
        var forecast: SeparationForecast?
        _ = try Separator(
            bag: bag,
            options: plainOptions {
                $0.shifts = shifts
                $0.overlap = overlap
                $0.seed = 5
            }
        ).separate(studio.url("track.wav"), to: studio.stem, measured: { forecast = $0 })
        let made = calls.list.withLock { list in
            list.reduce(0) { sum, pass in
                sum + Double(1000 * (pass.member + 1) + pass.frames) + Separator.besideProducts * Double(pass.frames)
                    / 1000
            }
        }
        let told = try #require(forecast)
        #expect(abs(told.work / made - 1) < 1e-9)
        #expect(
            told.expectedSeconds(gigaflops: 1, threads: 1) == 4 * told.expectedSeconds(gigaflops: 2, threads: 2))
    }

    @Test func `a seed fixes the shifts, and without one they differ`() throws {
        let bag = try Bag.toy(training: [400, 400])
        let shapes = { (seed: UInt64?) in
            LaneShape.lanes(
                bag: bag,
                options: plainOptions {
                    $0.shifts = 4
                    $0.seed = seed
                })
        }
        #expect(shapes(11) == shapes(11))
        #expect(shapes(11) != shapes(12))
        #expect(shapes(nil) != shapes(nil))
        #expect(Set(shapes(11).map(\.lead)).count > 5)
        #expect(shapes(11).allSatisfy { (0...500).contains($0.lead) })
    }
}
