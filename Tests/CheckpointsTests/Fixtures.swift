import Checkpoints
import Foundation
import TestSupport

/// The files that `Fixtures/make_fixtures.py` writes.
enum Fixtures {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    static let starter = folder.appending(path: "../../../models/starter/starter.safetensors").standardized

    /// The fixture whose name begins with `prefix` and ends with `.th`, such as `model-fp16-d04d2962.th`.
    static func torch(_ prefix: String) throws -> URL {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        guard let name = names.first(where: { $0.hasPrefix(prefix + "-") && $0.hasSuffix(".th") }) else {
            throw TestFailure("no fixture \(prefix)-….th")
        }
        return folder.appending(path: name)
    }

    /// What a tensor of `model-*` must be.
    struct Sums: Decodable {
        var shape: [Int]
        var sum: Double
        var weighted: Double
    }

    static func sums() throws -> [String: Sums] {
        try JSONDecoder().decode(
            [String: Sums].self, from: Data(contentsOf: folder.appending(path: "model.sums.json")))
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appending(path: name)))
    }

    /// What opening a fixture says; nil when it opens.
    static func refusal(_ name: String) -> CheckpointProblem? {
        do {
            _ = try Checkpoint(contentsOf: folder.appending(path: name))
            return nil
        } catch {
            return (error as? CheckpointError)?.problem
        }
    }
}
