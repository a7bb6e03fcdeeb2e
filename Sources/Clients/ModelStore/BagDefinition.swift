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
