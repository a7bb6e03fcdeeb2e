public import Checkpoints
public import Foundation
import Untrusted
import Yams

/// What a bag's YAML file says: which checkpoints are averaged, and how.
///
/// Source: `demucs/repo.py` and `BagOfModels` in `demucs/apply.py`.
package struct BagDefinition: Equatable, Sendable {
    /// Signatures of the members.
    package var models: [String]
    /// Weight of each member for each source; nil for equal weights.
    var weights: [[Double]]?
    /// Length in seconds to which the members' segments are shortened.
    var segment: Double?

    init(models: [String], weights: [[Double]]? = nil, segment: Double? = nil) {
        self.models = models
        self.weights = weights
        self.segment = segment
    }

    /// Reads the text of `name.yaml`. Signatures are taken as they are written, also those that look like numbers.
    ///
    /// - Throws: `ModelStoreError.invalidBag`
    package init(name: String, yaml: String) throws {
        let wrong = { ModelStoreError.invalidBag(name, reason: $0) }
        guard yaml.utf8.count <= 8192 else { throw wrong("its file is longer than 8192 bytes") }
        let root: Node?
        do {
            root = try compose(yaml: yaml)
        } catch {
            throw wrong("its file is no YAML")
        }
        guard let mapping = root?.mapping, let members = mapping["models"]?.sequence else {
            throw wrong("its file has no list of models")
        }
        models = try members.map {
            guard let signature = $0.scalar?.string, PlainName.isValid(signature) else {
                throw wrong("a signature in its list of models is not a plain word")
            }
            return signature
        }
        guard (1...64).contains(models.count) else { throw wrong("it has \(models.count) models") }
        if let node = mapping["segment"], !node.isNull {
            guard let number = Self.number(node), number > 0 else { throw wrong("its segment is no length in seconds") }
            segment = number
        }
        if let node = mapping["weights"], !node.isNull {
            weights = try Self.weights(node, models: models.count, wrong)
        }
    }

    private static func weights(_ node: Node, models: Int, _ wrong: (String) -> ModelStoreError) throws -> [[Double]] {
        guard let rows = node.sequence else { throw wrong("its weights are no list") }
        let weights = try rows.map { row in
            try row.sequence.map(Array.init)?.map {
                guard let number = number($0) else { throw wrong("one of its weights is no number") }
                return number
            } ?? { throw wrong("its weights are no list of lists") }()
        }
        guard weights.count == models else {
            throw wrong("it has \(models) models but weights for \(weights.count)")
        }
        guard let sources = weights.first?.count, sources > 0, weights.allSatisfy({ $0.count == sources }) else {
            throw wrong("its models have weights for different numbers of sources")
        }
        guard (0..<sources).allSatisfy({ source in weights.reduce(0) { $0 + $1[source] } > 0 }) else {
            throw wrong("the weights for one of the sources add up to nothing")
        }
        return weights
    }

    private static func number(_ node: Node) -> Double? {
        node.scalar.flatMap { Double($0.string) }.flatMap { $0.isFinite ? $0 : nil }
    }
}

extension Node {
    /// Whether it is what YAML writes as `null`, `~` or nothing.
    fileprivate var isNull: Bool { tag == Tag(.null) }
}

/// A bag of models whose files are all present.
public struct BagFiles: Sendable, Equatable {
    /// The name by which it was found.
    public var name: String
    /// The checkpoints, in the order of the bag. Checksums in their names have been verified.
    public var models: [URL]
    /// Weight of each model (outer) for each source (inner); nil for equal weights.
    public var weights: [[Double]]?
    /// Length in seconds to which longer segments of the models are shortened; nil to leave them.
    public var segment: Double?

    /// A bag of files that the caller knows.
    public init(name: String, models: [URL], weights: [[Double]]? = nil, segment: Double? = nil) {
        self.name = name
        self.models = models
        self.weights = weights
        self.segment = segment
    }

    /// Opens all checkpoints and checks that they fit together: the same sources, and a weight for each of them.
    ///
    /// - Throws: `CheckpointError`, ``ModelStoreError/invalidBag(_:reason:)``
    public func open() throws -> [Checkpoint] {
        let checkpoints = try models.map { try Checkpoint(contentsOf: $0) }
        guard let sources = checkpoints.first?.sources else {
            throw ModelStoreError.invalidBag(name, reason: "it has no models")
        }
        guard checkpoints.allSatisfy({ $0.sources == sources }) else {
            throw ModelStoreError.invalidBag(name, reason: "its models have different sources")
        }
        guard weights?.count ?? checkpoints.count == checkpoints.count else {
            throw ModelStoreError.invalidBag(
                name, reason: "it has \(checkpoints.count) models but weights for \(weights?.count ?? 0)")
        }
        guard weights?.allSatisfy({ $0.count == sources.count }) ?? true else {
            throw ModelStoreError.invalidBag(
                name, reason: "its models have \(sources.count) sources but weights for another number")
        }
        return checkpoints
    }
}
