import Checkpoints
import Foundation
import Testing

@Suite struct CheckpointTests {
    /// All three are of the same weights; fp32 differs from fp16 by rounding only.
    @Test(arguments: ["model-fp16", "model-fp32", "model.safetensors"])
    func readsWhatTheReferenceWrites(name: String) throws {
        let url =
            try name.hasSuffix(".safetensors") ? Fixtures.folder.appending(path: name) : Fixtures.torch(name)
        let checkpoint = try Checkpoint(contentsOf: url)
        #expect(checkpoint.sources == ["drums", "bass", "other", "vocals"])
        #expect(checkpoint.arguments["segment"] == .fraction(39, 5))
        #expect(checkpoint.arguments["channels"] == .int(4))
        #expect(checkpoint.arguments["t_hidden_scale"]?.number == 1)
        #expect(checkpoint.arguments["sources"] == nil)
        let tolerance = name == "model-fp32" ? 1e-2 : 1e-9
        let sums = try Fixtures.sums()
        #expect(checkpoint.tensors.names == sums.keys.sorted())
        for (name, expected) in sums {
            let values = try checkpoint.tensors.take(name, shape: expected.shape).map(Double.init)
            let weighted = zip(values, 1...).reduce(0) { $0 + $1.0 * Double($1.1) }
            let size = Double(values.count)
            #expect(abs(values.reduce(0, +) - expected.sum) < tolerance * size, "\(name)")
            #expect(abs(weighted - expected.weighted) < tolerance * size * size, "\(name)")
        }
        try checkpoint.tensors.assertEmpty()
    }

    @Test func readsTheStarterModel() throws {
        let checkpoint = try Checkpoint(contentsOf: Fixtures.starter)
        #expect(checkpoint.sources == ["drums", "bass", "other", "vocals"])
        #expect(checkpoint.arguments["segment"]?.number == 3)
        for name in checkpoint.tensors.names {
            let shape = try #require(checkpoint.tensors.shape(of: name))
            #expect(try checkpoint.tensors.take(name, shape: shape).allSatisfy(\.isFinite))
        }
        try checkpoint.tensors.assertEmpty()
    }

    @Test func readsEveryKindOfNumberAndLayout() throws {
        let tensors = try Checkpoint(contentsOf: Fixtures.folder.appending(path: "kinds.th")).tensors
        let matrix = (0..<12).map(Float.init)
        for name in ["half", "bfloat", "double", "long"] {
            #expect(try tensors.take(name, shape: [3, 4]) == matrix, "\(name)")
        }
        #expect(try tensors.take("turned", shape: [4, 3]) == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
        #expect(try tensors.take("part", shape: [2, 2]) == [4, 6, 8, 10])
        #expect(try tensors.take("wide", shape: [3, 1]) == [0, 0, 0])
        #expect(try tensors.take("scalar", shape: []) == [2.5])
        #expect(try tensors.take("none", shape: [0, 3]) == [])
        try tensors.assertEmpty()
    }

    @Test(arguments: [
        "zip64.th", "protocol5.th", "state-dict.th", "parameters.th", "fraction-text.th", "tiny.safetensors",
    ])
    func readsOtherWritersFiles(name: String) { #expect(Fixtures.refusal(name) == nil) }

    @Test func handsOutEachTensorOnceAndOnlyAsItIs() throws {
        let checkpoint = try Checkpoint(contentsOf: Fixtures.folder.appending(path: "tiny.th"))
        let tensors = checkpoint.tensors
        func problem(_ body: () throws -> Void) -> CheckpointProblem? {
            do { try body() } catch { return (error as? CheckpointError)?.problem }
            return nil
        }
        #expect(problem { _ = try tensors.take("c", shape: [3]) } == .missingTensor(name: "c", shape: [3]))
        #expect(
            problem { _ = try tensors.take("a", shape: [4, 3]) }
                == .tensorShape(name: "a", expected: [4, 3], found: [3, 4]))
        #expect(problem { try tensors.assertEmpty() } == .unusedTensors(["a", "b"]))
        var values = [Float](repeating: -1, count: 12)
        try values.withUnsafeMutableBufferPointer { try tensors.take("a", shape: [3, 4], into: $0) }
        #expect(values == (0..<12).map(Float.init))
        #expect(problem { _ = try tensors.take("a", shape: [3, 4]) } == .tensorTaken(name: "a"))
        #expect(problem { try tensors.assertEmpty() } == .unusedTensors(["b"]))
        _ = try tensors.take("b", shape: [3, 4])
        try tensors.assertEmpty()
    }

    /// Every half-precision number against the compiler's own conversion.
    @Test func widensEveryHalf() throws {
        let halves = (0...UInt16.max).map { $0 }
        let header =
            #"{"__metadata__":{"klass":"demucs.htdemucs.HTDemucs","args":"[[\"a\"]]","kwargs":"{}"},"#
            + #""h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}"#
        var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { [UInt8]($0) } + header.utf8
        for half in halves { bytes += [UInt8(truncatingIfNeeded: half), UInt8(half >> 8)] }
        let values = try Checkpoint(bytes: bytes, file: "halves").tensors.take("h", shape: [65536])
        for (half, value) in zip(halves, values) {
            let expected = Float(Float16(bitPattern: half))
            #expect(value == expected || value.isNaN && expected.isNaN, "\(half)")
            #expect(value.sign == expected.sign)
        }
    }
}
