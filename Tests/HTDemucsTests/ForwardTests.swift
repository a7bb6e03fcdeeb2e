import Foundation
import HTDemucs
import Tensors
import Testing

@Suite struct ForwardTests {
    @Test(arguments: Golden.names)
    func outputIsTheReferences(name: String) throws {
        let golden = try Golden(name)
        let found = try golden.model().separate(golden.mix)
        let ratio = decibels(found, golden.out)
        print("golden \(name): \(ratio) dB")
        #expect(ratio >= 90, "\(name): \(ratio) dB")
    }

    @Test(arguments: ["official", "joined"])
    func layersAreTheReferences(name: String) throws {
        let golden = try Golden(name)
        let workspace = Workspace()
        var seen: Set<String> = []
        workspace.observer = { layer, values in
            guard let expected = golden.tensors[layer] else { return }
            seen.insert(layer)
            let step = max(1, values.count / 4096)
            let samples = stride(from: 0, to: values.count, by: step).map { values[$0] }
            let ratio = decibels(samples, expected)
            #expect(ratio >= 90, "\(name) \(layer): \(ratio) dB")
        }
        _ = try golden.model().separate(golden.mix, workspace: workspace)
        #expect(seen == Set(golden.tensors.keys).subtracting(["mix", "out"]))
    }

    @Test(arguments: Golden.names)
    func everyInstructionSetAgrees(name: String) throws {
        let golden = try Golden(name)
        for set in ["baseline", "openblas", "avx2", "avx512"] {
            guard let kernels = Kernels(named: set) else { continue }
            let found = try golden.model(kernels: kernels).separate(golden.mix)
            let ratio = decibels(found, golden.out)
            #expect(ratio >= 90, "\(name) \(set): \(ratio) dB")
        }
    }

    /// Where the processor has no such products the two are the same.
    @Test(arguments: Golden.names)
    func bfloat16IsCloseToFloat32(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model(kernels: .best(for: .bfloat16))
        let workspace = Workspace()
        let ratio = decibels(
            try model.separate(golden.mix, workspace: workspace), try golden.model().separate(golden.mix))
        print("golden \(name) in \(model.kernels): \(ratio) dB")
        // These models are deep for their width, and drawn at random.
        #expect(ratio >= 35, "\(name) in \(model.kernels): \(ratio) dB")
        #expect(try workspace.peakBytes == model.memoryNeeded(frames: golden.mix.count / model.channels))
    }

    /// The arithmetic of matrix units, on any processor: as far from float32 as every bfloat16 is.
    @Test(arguments: ["short", "strided", "joined", "filtered"])
    func matrixUnitsAreCloseToFloat32(name: String) throws {
        let golden = try Golden(name)
        let kernels = try #require(Kernels(named: "amx-portable"))
        let workspace = Workspace()
        let model = try golden.model(kernels: kernels)
        let found = try model.separate(golden.mix, workspace: workspace)
        let ratio = decibels(found, golden.out)
        print("golden \(name) in \(kernels): \(ratio) dB")
        #expect(ratio >= 35, "\(name): \(ratio) dB")
        #expect(try workspace.peakBytes == model.memoryNeeded(frames: golden.mix.count / model.channels))
        // Neither on threads nor on what is left in memory.
        _ = try model.separate(golden.mix.map { _ in .nan }, workspace: workspace)
        #expect(try model.separate(golden.mix, workspace: workspace) == found)
        #expect(try golden.model(threads: 1, kernels: kernels).separate(golden.mix) == found)
        // The unit itself, where there is one. Its vectors fuse multiplications with additions, the portable ones do not.
        guard let unit = Kernels(named: "amx") else { return }
        let difference = decibels(try golden.model(kernels: unit).separate(golden.mix), found)
        #expect(difference >= ratio, "\(name): \(difference) dB between the unit and its meaning")
    }

    /// "short" has an odd number of tokens, so that a pair of terms is incomplete in bfloat16.
    @Test(arguments: ["official", "short", "filtered"], Precision.allCases)
    func resultDependsNeitherOnThreadsNorOnEarlierPasses(name: String, precision: Precision) throws {
        let golden = try Golden(name)
        let workspace = Workspace()
        let model = try golden.model(threads: 3, kernels: .best(for: precision))
        let first = try model.separate(golden.mix, workspace: workspace)
        // Leaves no number in the memory that is used again.
        _ = try model.separate(golden.mix.map { _ in .nan }, workspace: workspace)
        #expect(try model.separate(golden.mix, workspace: workspace) == first)
        #expect(try golden.model(threads: 1, kernels: .best(for: precision)).separate(golden.mix) == first)
    }

    @Test func passesRunAtTheSameTime() async throws {
        let golden = try Golden("short")
        let model = try golden.model(threads: 2)
        let expected = try model.separate(golden.mix)
        let results = await withTaskGroup(of: [Float]?.self) { group in
            for _ in 0..<4 { group.addTask { try? model.separate(golden.mix) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.allSatisfy { $0 == expected })
    }

    @Test func memoryIsWhatThePlanSays() throws {
        let golden = try Golden("official")
        let model = try golden.model()
        let workspace = Workspace()
        _ = try model.separate(golden.mix, workspace: workspace)
        #expect(try workspace.peakBytes == model.memoryNeeded(frames: model.segmentFrames))
    }

    @Test func lengthsAreTheReferences() throws {
        let model = try Golden("official").model()
        #expect(model.segmentFrames == 5512)
        #expect(try model.validFrames(for: 100) == 5512)
        #expect(throws: ModelError.tooLong(frames: 5513, limit: 5512)) { try model.validFrames(for: 5513) }
        #expect(try Golden("joined").model().validFrames(for: 123_456) == 123_456)
        #expect(throws: ModelError.empty) { try model.separate([]) }
        // 0.1 s: the product is rounded in floating point, then cut.
        #expect(try Golden("six").model().segmentFrames == 4410)
    }

    /// Silence, one silent channel and two equal ones: covariances without an inverse, phases of nothing.
    @Test(arguments: ["official", "filtered"])
    func degenerateAudioStaysFinite(name: String) throws {
        let golden = try Golden(name)
        let model = try golden.model()
        let left = Array(golden.mix.prefix(golden.mix.count / 2))
        let silence = left.map { _ in Float(0) }
        for mix in [silence + silence, left + silence, left + left] {
            let found = try model.separate(mix)
            #expect(found.allSatisfy { $0.isFinite && abs($0) < 100 })
        }
    }

    @Test func profileNamesEveryLayer() throws {
        let golden = try Golden("short")
        let workspace = Workspace()
        let profile = Profile()
        workspace.profile = profile
        _ = try golden.model().separate(golden.mix, workspace: workspace)
        let names = profile.layers.map(\.name)
        #expect(names.contains("encoder.0") && names.contains("tdecoder.2") && names.contains("spectrogram"))
        #expect(profile.layers.allSatisfy { $0.seconds > 0 && $0.runs >= 1 })
    }
}
