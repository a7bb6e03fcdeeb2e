import Checkpoints
import Foundation
import HTDemucs
import Tensors

/// A checkpoint and what the reference computes with it; see `Goldens/make_goldens.py`.
struct Golden {
    let tensors: [String: [Float]]
    let checkpointURL: URL

    static let names = [
        "official", "short", "six", "joined", "deep", "mono", "scaled", "filtered", "filtered-mono", "phases",
        "strided",
    ]

    init(_ name: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens")
        let data = try Data(contentsOf: folder.appending(path: "\(name).golden"))
        let lineEnd = data.firstIndex(of: UInt8(ascii: "\n")) ?? data.endIndex
        let header = try JSONSerialization.jsonObject(with: data[..<lineEnd]) as? [[Any]] ?? []
        var offset = lineEnd + 1
        var tensors: [String: [Float]] = [:]
        for entry in header {
            guard let name = entry[0] as? String, let count = entry[1] as? Int else { continue }
            tensors[name] = data[offset..<offset + 4 * count].withUnsafeBytes { bytes in
                (0..<count).map {
                    Float(
                        bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
                }
            }
            offset += 4 * count
        }
        self.tensors = tensors
        let candidates = ["th", "safetensors"].map { folder.appending(path: "\(name).\($0)") }
        checkpointURL = candidates.first { FileManager.default.fileExists(atPath: $0.path) } ?? candidates[0]
    }

    func model(threads: Int = 2, kernels: Kernels = .best) throws -> Model {
        try Model(Checkpoint(contentsOf: checkpointURL), pool: ThreadPool(threads: threads), kernels: kernels)
    }

    var mix: [Float] { tensors["mix"] ?? [] }
    var out: [Float] { tensors["out"] ?? [] }
}

extension Model {
    /// The forward pass over arrays.
    func separate(_ mix: [Float], workspace: Workspace = Workspace()) throws -> [Float] {
        let frames = mix.count / channels
        var out = [Float](repeating: .nan, count: sources.count * channels * frames)
        try mix.withUnsafeBufferPointer { mix in
            try out.withUnsafeMutableBufferPointer { out in
                try forward(mix: mix, frames: frames, into: out, workspace: workspace)
            }
        }
        return out
    }
}

/// Signal-to-noise ratio of `found` against `expected`, in decibels; -infinity for different sizes or what is no number.
func decibels(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count, !found.isEmpty else { return -.infinity }
    var signal = 0.0
    var noise = 0.0
    for (found, expected) in zip(found, expected) {
        guard found.isFinite else { return -.infinity }
        signal += Double(expected) * Double(expected)
        noise += Double(found - expected) * Double(found - expected)
    }
    return 10 * log10(signal / max(noise, 1e-300))
}
