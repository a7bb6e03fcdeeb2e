/// The models that a store knows.
public struct ModelList: Sendable, Equatable {
    /// One model, or one bag of models.
    public struct Entry: Sendable, Equatable {
        /// The name to use.
        public var name: String
        /// Where it comes from.
        public var origin: Origin
        /// Whether it is a bag, rather than a single checkpoint.
        public var isBag: Bool
        /// How many checkpoints it has; nil when its YAML file is wrong.
        public var models: Int?
        /// Whether all its checkpoints are there, so that using it downloads nothing.
        public var isPresent: Bool
        /// Size in bytes of those of its checkpoints that are there.
        public var bytes: Int
    }

    /// Where a model comes from.
    public enum Origin: String, Sendable {
        /// The folder named by `--repo`.
        case repository
        /// The folder that comes with the program.
        case shipped
        /// The authors of Demucs; downloaded when first used.
        case official
    }

    /// All models, in the order in which they should be shown.
    public var entries: [Entry]

    /// Names of all models.
    public var names: [String] { entries.map(\.name) }
}
