public import Checkpoints
public import Foundation

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
