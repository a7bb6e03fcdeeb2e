import Checkpoints
import Encodings
import Foundation
import HTDemucs
import ModelStore
import Separation
import Tensors

/// A `.th` file as it is: zip directory, records, pickle.
enum TorchTarget: FuzzTarget {
    static let name = "torch"

    static func run(_ input: Data) throws { try open(input) }
}

/// A pickle inside a zip that is always sound, so that all the effort goes into the pickle.
enum PickleTarget: FuzzTarget {
    static let name = "pickle"

    static func run(_ input: Data) throws {
        var archive = StoredZip()
        archive.add("archive/data.pkl", input)
        archive.add("archive/data/0", Data(repeating: 1, count: 256))
        try open(archive.finished())
    }
}

/// A `.safetensors` file whose header has the right length and is followed by data.
enum SafetensorsTarget: FuzzTarget {
    static let name = "safetensors"
    static var anatomy: (any Anatomy)? { SafetensorsAnatomy() }

    static func run(_ input: Data) throws {
        let length = withUnsafeBytes(of: UInt64(input.count).littleEndian) { Data($0) }
        // As much data as the tensors take, so that they are reached.
        let members = (try? JSONDecoder().decode(JSONValue.self, from: input))?.object ?? [:]
        let ends = members.values.compactMap { $0["data_offsets"]?.array?.last?.int }
        try open(length + input + Data(repeating: 1, count: min(1 << 20, max(0, ends.max() ?? 64))))
        try open(input)
    }
}

/// The arguments of a model, `kwargs` as JSON, whatever numbers they hold: a checkpoint without tensors builds no model, but
/// everything up to the first tensor runs.
enum ArgumentsTarget: FuzzTarget {
    static let name = "arguments"
    static var anatomy: (any Anatomy)? {
        JSONAnatomy(spares: [
            "channels": "4611686018427387904", "depth": "9223372036854775807", "segment._type": "\"fraction\"",
            "segment.numerator": "39", "segment.denominator": "0", "growth": "1e300", "nfft": "1", "t_heads": "3",
            "sources.#0": "\"a/../b\"", "audio_channels": "-1", "samplerate": "0.5", "wiener_iters": "1e9",
            "t_weight_decay": "null", "bottom_channels": "512", "num_subbands": "-2147483648", "t_layers": "true",
        ])
    }

    static func run(_ input: Data) throws {
        let metadata = [
            "klass": Checkpoint.supportedClass, "args": "[[\"drums\", \"vocals\"]]",
            "kwargs": String(decoding: input, as: UTF8.self),
        ]
        let header = try JSONEncoder().encode(["__metadata__": metadata])
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        let checkpoint = try Checkpoint(bytes: length + header, file: "fuzz")
        if let bag = try? Bag(name: "fuzz", checkpoints: [checkpoint], threads: 1) {
            precondition(bag.longestSegment > 0)
            _ = try? Separator(bag: bag)
        }
        _ = try? Model(checkpoint, pool: pool)
    }

    private static let pool = ThreadPool(threads: 1)
}

/// The YAML file of a bag of models.
enum BagTarget: FuzzTarget {
    static let name = "bag"
    static var anatomy: (any Anatomy)? {
        SeparatedAnatomy(
            "\n",
            spares: [
                "models: ['955717e8', 'd12395a8']", "models: []", "models: [../../x]", "models: !!binary aaaa",
                "segment: 44",
                "segment: .nan", "weights: [[1., 0.], [0., 1.e+400]]", "weights: [[]]", "weights: [[-1, 0x10, ~]]",
                "models: &a [*a]", "? [a]", "--- ", "<<: {models: [a]}",
            ])
    }

    static func run(_ input: Data) throws {
        let bag = try BagDefinition(name: "bag", yaml: String(decoding: input, as: UTF8.self))
        precondition(!bag.models.isEmpty && bag.models.allSatisfy { !$0.contains("/") && !$0.contains("..") })
    }
}

/// Opens a checkpoint and takes every tensor.
private func open(_ bytes: Data) throws {
    do {
        let checkpoint = try Checkpoint(bytes: bytes, file: "fuzz")
        precondition(
            !checkpoint.sources.isEmpty && checkpoint.sources.allSatisfy { !$0.contains("/") && !$0.hasPrefix(".") })
        for name in checkpoint.tensors.names {
            let shape = checkpoint.tensors.shape(of: name) ?? []
            let values = try checkpoint.tensors.take(name, shape: shape)
            precondition(values.count == shape.reduce(1, *))
        }
        try checkpoint.tensors.assertEmpty()
    } catch let error as CheckpointError {
        precondition(!error.description.isEmpty)
    }
}
