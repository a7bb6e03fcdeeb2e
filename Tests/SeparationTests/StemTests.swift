import Audio
import Foundation
import Separation
import SeparationChoices
import Tensors
import Testing

/// Which files come out, what is in them, and what is left when none do.
struct StemTests {
    let studio: Studio
    let track = noise(frames: 1500, channels: 2, seed: 9)

    init() throws {
        studio = try Studio()
        try writeTrack(track, to: studio.url("track.wav"))
    }

    private func separate(_ bag: Bag, _ options: SeparationOptions) throws -> [String: [[Float]]] {
        let report = try Separator(bag: bag, options: options).separate(studio.url("track.wav"), to: studio.stem)
        return try Dictionary(uniqueKeysWithValues: report.stems.map { ($0.name, try readTrack($0.url)) })
    }

    @Test func `two stems: the others' sum, the rest of the track, or nothing`() throws {
        let bag = try Bag.toy()
        let all = try separate(bag, plainOptions())
        func two(_ method: OtherMethod) throws -> [String: [[Float]]] {
            try separate(
                bag,
                plainOptions {
                    $0.twoStems = "bass"
                    $0.otherMethod = method
                })
        }
        let (add, minus, none) = try (two(.add), two(.minus), two(.none))
        let bass = try #require(all["bass"])
        #expect(add.keys.sorted() == ["bass", "no_bass"])
        #expect(minus.keys.sorted() == ["bass", "minus_bass"])
        #expect(none.keys.sorted() == ["bass"])
        for result in [add, minus, none] { #expect(result["bass"] == bass) }
        let others = try ["drums", "other", "vocals"].map { try #require(all[$0]) }
        let sum = (0..<2).map { channel in
            (0..<1500).map { frame in others.reduce(0) { $0 + Double($1[channel][frame]) } }
        }
        #expect(try decibels(sum, against: #require(add["no_bass"])) > 120)
        let rest = (0..<2).map { channel in (0..<1500).map { Double(track[channel][$0] - bass[channel][$0]) } }
        #expect(try decibels(rest, against: #require(minus["minus_bass"])) > 120)
    }

    @Test func `chosen stems and mixes are files, and nothing else is`() throws {
        let bag = try Bag.toy()
        let all = try separate(bag, plainOptions())
        let chosen = try separate(
            bag,
            plainOptions {
                $0.stems = ["vocals", "drums"]
                $0.mixes = ["karaoke", "rhythm=drums+bass", "rest=song-drums-bass"].compactMap(StemMix.init)
            })
        #expect(chosen.keys.sorted() == ["drums", "karaoke", "rest", "rhythm", "vocals"])
        for stem in ["drums", "vocals"] { #expect(chosen[stem] == all[stem]) }
        func combined(_ start: [[Float]]?, _ stems: [String], _ sign: Double) throws -> [[Double]] {
            let stems = try stems.map { try #require(all[$0]) }
            return (0..<2).map { channel in
                (0..<1500).map { frame in
                    stems.reduce(Double(start?[channel][frame] ?? 0)) { $0 + sign * Double($1[channel][frame]) }
                }
            }
        }
        #expect(try decibels(combined(nil, ["drums", "bass"], 1), against: #require(chosen["rhythm"])) > 120)
        #expect(try decibels(combined(track, ["vocals"], -1), against: #require(chosen["karaoke"])) > 110)
        #expect(try decibels(combined(track, ["drums", "bass"], -1), against: #require(chosen["rest"])) > 110)
        let alone = plainOptions {
            $0.stems = []
            $0.mixes = ["drumless"].compactMap(StemMix.init)
        }
        #expect(try separate(bag, alone).keys.sorted() == ["drumless"])
    }

    @Test func `choices that make no sense are refused with a sentence`() throws {
        let bag = try Bag.toy()
        func refusal(_ change: (inout SeparationOptions) -> Void) -> String {
            do {
                _ = try Separator(bag: bag, options: plainOptions(change))
                return "was taken"
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal { $0.stems = ["piano"] }.contains("piano"))
        #expect(refusal { $0.mixes = ["a=song-piano"].compactMap(StemMix.init) }.contains("piano"))
        #expect(refusal { $0.stems = [] }.contains("nothing to write"))
        #expect(
            refusal { $0.mixes = ["drums=bass+other"].compactMap(StemMix.init) }.contains(
                "Two files would be called “drums”"))
        #expect(
            refusal {
                $0.twoStems = "vocals"
                $0.stems = ["drums"]
            }.contains("contradict"))
        for text in ["", "a", "a=", "../b=drums", "a=drums+drums", "a=b=c", "a=song-", "=drums"] {
            #expect(StemMix(text) == nil, "\(text)")
        }
    }

    @Test func `a stem that had to be made quieter says by how much`() throws {
        try writeTrack(track.map { $0.map { $0 * 20 } }, to: studio.url("track.wav"))
        let report = try Separator(bag: .toy(), options: plainOptions { $0.clipMode = .rescale }).separate(
            studio.url("track.wav"), to: studio.stem)
        let loud = report.stems.filter { $0.peak > 1.01 }
        #expect(!loud.isEmpty)
        for stem in loud {
            #expect(abs(stem.gain * stem.peak * 1.01 - 1) < 1e-5)
            #expect(
                report.warnings.contains { $0.hasPrefix("\(stem.name) was made ") && $0.hasSuffix(" does not clip.") })
        }
    }

    @Test func `models without weight for what is wanted are not run, and the shifts of the others stay`() throws {
        let weights: [[Double]] = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
        func run(_ change: (inout SeparationOptions) -> Void) throws -> (stems: [String: [[Float]]], members: Set<Int>)
        {
            let calls = ToySession.Calls()
            let bag = try Bag.toy(training: [400, 400, 400, 400], weights: weights, calls: calls)
            let stems = try separate(
                bag,
                plainOptions {
                    $0.shifts = 2
                    $0.seed = 5
                    change(&$0)
                })
            let run = Set(calls.list.withLock { $0.map(\.member) })
            #expect(calls.loaded.withLock { $0 } == [run])
            return (stems, run)
        }
        let all = try run { _ in }
        #expect(all.members == [0, 1, 2, 3])
        for method in [OtherMethod.minus, .none, .automatic] {
            let one = try run {
                $0.twoStems = "vocals"
                $0.otherMethod = method
            }
            #expect(one.members == [3])
            #expect(one.stems["vocals"] == all.stems["vocals"])
        }
        #expect(try run { ($0.twoStems, $0.otherMethod) = ("vocals", .add) }.members == [0, 1, 2, 3])
    }

    @Test func `what remains is the others' sum, but the rest of the track where the sum takes more models`() throws {
        func two(_ bag: Bag, _ method: OtherMethod) throws -> [String: [[Float]]] {
            try separate(
                bag,
                plainOptions {
                    $0.twoStems = "vocals"
                    $0.otherMethod = method
                })
        }
        for weights in [nil, [[1, 1, 1, 1], [1, 1, 1, 0.5]]] {
            let bag = try Bag.toy(training: weights == nil ? [400] : [400, 300], weights: weights)
            #expect(try two(bag, .automatic) == two(bag, .add))
        }
        let bag = try Bag.toy(training: [400, 300], weights: [[1, 1, 1, 0], [0, 0, 0, 1]])
        let (automatic, minus) = try (two(bag, .automatic), two(bag, .minus))
        #expect(automatic.keys.sorted() == ["no_vocals", "vocals"])
        #expect(automatic["vocals"] == minus["vocals"])
        #expect(automatic["no_vocals"] == minus["minus_vocals"])
    }

    @Test func `progress rises to 1 and the peaks are those of the stems`() throws {
        var told: [Double] = []
        let report = try Separator(bag: .toy(), options: plainOptions()).separate(
            studio.url("track.wav"), to: studio.stem,
            progress: {
                told.append($0)
                return true
            })
        #expect(told == told.sorted())
        #expect(told.first == 0)
        #expect(told.last == 1)
        #expect(Set(told).count == 6)  // 0 and one for each of the ⌈1500 / 300⌉ segments.
        for stem in report.stems {
            #expect(try stem.peak == readTrack(stem.url).joined().map(abs).max())
        }
        #expect(report.warnings == [])
        #expect(report.sampleRate == 1000)
    }

    @Test(arguments: [0.0, 0.3, 1.0], [AudioFormat.wav16, .mp3(bitrate: 128, preset: 7)])
    func `what is cancelled leaves nothing, wherever it was`(part: Double, format: AudioFormat) throws {
        let bag = try Bag.toy(sampleRate: 8000)
        try writeTrack(noise(frames: 9000, channels: 2), to: studio.url("track.wav"), sampleRate: 8000)
        for mode in ClipMode.allCases {
            let options = plainOptions {
                $0.format = format
                $0.clipMode = mode
            }
            #expect(throws: CancellationError.self) {
                try Separator(bag: bag, options: options).separate(
                    studio.url("track.wav"), to: { studio.url("new/deep/\($0)") }, progress: { $0 < part })
            }
            #expect(try studio.contents() == ["track.wav"])
        }
    }

    @Test func `a failing model leaves nothing`() throws {
        final class Broken: SegmentSession {
            func workBytes(member: Int, frames: Int, threads: Int) throws -> Int { 0 }
            func operations(member: Int, frames: Int) throws -> Double { 0 }
            func work(with pool: ThreadPool) {}
            func forward(
                member: Int, mix: UnsafeBufferPointer<Float>, frames: Int,
                into output: UnsafeMutableBufferPointer<Float>
            ) throws {
                throw SeparationError.invalidBag("broken")
            }
        }
        let bag = try Bag(
            name: "broken", sources: ["vocals"], sampleRate: 1000, channels: 2, pool: ThreadPool(threads: 1),
            members: [.init(trainingFrames: 100, weights: [1])]
        ) { _ in Broken() }
        #expect(throws: SeparationError.invalidBag("broken")) { try separate(bag, plainOptions()) }
        #expect(try studio.contents() == ["track.wav"])
    }

    @Test func `a folder that cannot be made is refused`() throws {
        try Data().write(to: studio.url("stems"))
        let said = sentence { _ = try separate(.toy(), plainOptions()) }
        #expect(said?.hasSuffix("stems cannot be written: the folder cannot be made.") == true, "\(said ?? "")")
        #expect(try studio.contents() == ["stems", "track.wav"])
    }

    @Test func `a track without a sample is refused`() throws {
        try writeTrack([[], []], to: studio.url("track.wav"))
        let said = sentence { _ = try separate(.toy(), plainOptions()) }
        #expect(said == "\(studio.url("track.wav").path) holds no audio samples.")
    }

    @Test func `options out of range are refused with a sentence`() throws {
        let bag = try Bag.toy()
        func refusal(_ change: (inout SeparationOptions) -> Void) -> String? {
            sentence { _ = try Separator(bag: bag, options: plainOptions(change)) }
        }
        #expect(refusal { $0.overlap = 1 } == "The overlap is at least 0 and less than 1; 1.0 is not.")
        #expect(refusal { $0.overlap = -0.1 } == "The overlap is at least 0 and less than 1; -0.1 is not.")
        #expect(refusal { $0.overlap = .nan } == "The overlap is at least 0 and less than 1; nan is not.")
        #expect(refusal { $0.overlap = 0.9999 }?.contains("leaves less than one sample") == true)
        #expect(refusal { $0.shifts = -1 } == "The number of shifts is between 0 and 1000; -1 is not.")
        #expect(refusal { $0.segment = 0 } == "A segment is longer than 0 seconds; 0.0 is not.")
        #expect(
            refusal { $0.segment = 1 }
                == "A segment of 1 s is longer than this model was trained for; the longest is 0.4 s.")
        #expect(
            refusal { $0.twoStems = "piano" }
                == "The stem \"piano\" is not in the selected model; it is one of drums, bass, other, vocals.")
        #expect(
            refusal { $0.format = .mp3(bitrate: 1, preset: 2) }
                == "An MP3 bitrate is between 8 and 320 kbit/s; 1 is not.")
        #expect(refusal { $0.segment = 0.4 } == nil)
    }

    @Test func `a bag whose weights do not fit is refused`() throws {
        #expect(throws: SeparationError.self) { try Bag.toy(training: [400], weights: [[1, 1]]) }
        #expect(
            sentence { _ = try Bag.toy(training: [400], weights: [[1, 1, 0, 1]]) }
                == "The weights of the bag toy add up to 0 for other.")
    }
}
