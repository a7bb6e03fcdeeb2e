import Checkpoints
import HTDemucs
import Tensors
import Testing

@Suite struct RefusalTests {
    private func build(_ name: String = "short", _ change: (inout Checkpoint) -> Void) throws -> Model {
        var checkpoint = try Checkpoint(contentsOf: Golden(name).checkpointURL)
        change(&checkpoint)
        return try Model(checkpoint, pool: ThreadPool(threads: 1))
    }

    @Test(arguments: [
        ("cac", CheckpointValue.string("no")), ("multi_freqs", .list([.double(0.5)])), ("wiener_iters", .int(1)),
        ("t_sparse_self_attn", .bool(true)), ("t_sparse_cross_attn", .bool(true)), ("t_emb", .string("learned")),
        ("t_sin_random_shift", .int(3)), ("nfft", .int(1000)), ("depth", .int(0)), ("stride", .int(0)),
        ("channels", .string("many")), ("segment", .int(0)), ("dconv_comp", .int(0)), ("growth", .double(-1)),
    ])
    func unsupportedValuesAreRefusedByName(name: String, value: CheckpointValue) throws {
        let error = #expect(throws: ModelError.self) { try build { $0.arguments[name] = value } }
        guard case .unsupportedArgument(let found, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(found == name || (name == "wiener_iters" && found == "end_iters"))
    }

    /// What a model with magnitudes as channels cannot have.
    @Test(arguments: [
        ("wiener_residual", CheckpointValue.bool(true)), ("audio_channels", .int(3)), ("wiener_iters", .int(17)),
    ])
    func unsupportedFiltersAreRefusedByName(name: String, value: CheckpointValue) throws {
        let error = #expect(throws: ModelError.self) {
            try build("filtered") {
                $0.arguments[name] = value
                if name == "wiener_iters" { $0.arguments["end_iters"] = value }
            }
        }
        guard case .unsupportedArgument(name, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// Numbers that no integer can hold, and sizes that fit no layer.
    @Test(arguments: [
        ("growth", CheckpointValue.double(1e300)), ("growth", .double(1e-300)), ("t_hidden_scale", .double(1e300)),
        ("t_hidden_scale", .double(-4)), ("dconv_comp", .double(1e-300)), ("dconv_comp", .double(1e300)),
        ("t_norm_out", .int(3)), ("t_norm_out", .int(-1)), ("t_norm_out", .int(.max)), ("segment", .double(1e6)),
        ("segment", .fraction(1 << 39, 1)), ("samplerate", .int(.max)), ("audio_channels", .int(.max)),
        ("channels", .double(1e300)), ("wiener_iters", .int(.min)), ("norm_starts", .int(.min)),
        ("bottom_channels", .int(1 << 20)), ("t_max_period", .double(-1)), ("emb_scale", .double(1e300)),
    ])
    func numbersBeyondAllBoundsEndNoProcess(name: String, value: CheckpointValue) throws {
        do {
            _ = try build { $0.arguments[name] = value }
        } catch {
            #expect(error is ModelError || error is CheckpointError)
        }
    }

    @Test func unknownArgumentsAreRefusedByName() {
        #expect(throws: ModelError.unknownArgument(name: "dconv_lstm")) {
            try build { $0.arguments["dconv_lstm"] = .int(4) }
        }
    }

    @Test func contradictionsAreRefused() {
        for (name, value) in [
            ("dconv_comp", CheckpointValue.int(1000)), ("t_heads", .int(5)), ("norm_groups", .int(5)),
        ] {
            #expect(throws: ModelError.self, "\(name)") {
                try build {
                    $0.arguments[name] = value
                    if name == "norm_groups" { $0.arguments["norm_starts"] = .int(0) }
                }
            }
        }
    }

    @Test func everyTensorIsNeededAndUsed() {
        // One layer less leaves tensors over, one more lacks some, other widths do not fit.
        for (name, value) in [("t_layers", 0), ("t_layers", 2), ("channels", 8), ("bottom_channels", 16)] {
            let error = #expect(throws: CheckpointError.self, "\(name)") {
                try build { $0.arguments[name] = .int(value) }
            }
            switch (error?.problem, name, value) {
            case (.unusedTensors, "t_layers", 0), (.missingTensor, "t_layers", 2), (.tensorShape, "channels", _),
                (.missingTensor, "bottom_channels", _):
                break
            default: Issue.record("\(name): \(String(describing: error))")
            }
        }
    }

    @Test func buffersMustHoldTheAudio() throws {
        let model = try Golden("short").model()
        let mix = [Float](repeating: 0, count: 100)
        var out = [Float](repeating: 0, count: 100)
        mix.withUnsafeBufferPointer { mix in
            out.withUnsafeMutableBufferPointer { out in
                #expect(throws: ModelError.bufferSize(needed: 120, found: 100)) {
                    try model.forward(mix: mix, frames: 60, into: out, workspace: Workspace())
                }
                #expect(throws: ModelError.bufferSize(needed: 400, found: 100)) {
                    try model.forward(mix: mix, frames: 50, into: out, workspace: Workspace())
                }
            }
        }
    }
}
