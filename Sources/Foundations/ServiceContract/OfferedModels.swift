/// A model that a song may name.
public struct OfferedModel: Codable, Sendable, Equatable {
    /// What a song's `model` says.
    public var name: String
    /// Into what it separates; empty where its files have not been read yet.
    public var stems: [String]
    /// Whether songs that name none are separated with it.
    public var isUsual: Bool

    /// A model.
    public init(name: String, stems: [String], isUsual: Bool) {
        (self.name, self.stems, self.isUsual) = (name, stems, isUsual)
    }
}

/// `GET /upload`: what a song may be separated with.
public struct OfferedModelList: Codable, Sendable, Equatable {
    /// The usual one first, then by name; none before the first worker has started.
    public var models: [OfferedModel]

    /// What the workers say.
    public init(_ offers: OfferedModels?) {
        let all = offers.map { offers in
            offers.stems.map { OfferedModel(name: $0.key, stems: $0.value, isUsual: $0.key == offers.usual) }
        }
        models = (all ?? []).sorted { ($0.isUsual ? 0 : 1, $0.name) < ($1.isUsual ? 0 : 1, $1.name) }
    }
}

/// What the workers of a service separate with, as they say when they start: the models that a song may name, and the stems of
/// each. It outlives them, so that a wrong name can be refused before there is a worker.
public struct OfferedModels: Codable, Sendable, Equatable {
    /// The stems by the model's name; none where a model's files have not been read yet.
    public var stems: [String: [String]]
    /// The model of songs that name none.
    public var usual: String

    /// Models with their stems.
    public init(stems: [String: [String]], usual: String) {
        self.stems = stems
        self.usual = usual
    }

    /// Refuses options that name a model or a stem that is not among them.
    ///
    /// - Throws: ``InvalidOption``, a sentence for whoever gave them.
    public func check(_ options: JobOptions) throws(InvalidOption) {
        let model = options.model ?? usual
        guard let known = stems[model] else {
            throw InvalidOption(
                name: "model", value: model, rule: "it must be one of \(stems.keys.sorted().joined(separator: ", "))")
        }
        guard !known.isEmpty else { return }
        let named: [(option: String, stems: [String])] = [
            ("two_stems", options.twoStems.map { [$0] } ?? []), ("stems", options.stems ?? []),
            ("mixes", options.mixes.flatMap(\.stems)),
        ]
        for (option, stems) in named {
            guard let stem = stems.first(where: { !known.contains($0) }) else { continue }
            throw InvalidOption(
                name: option, value: stem, rule: "the model \(model) has \(known.joined(separator: ", "))")
        }
        if let mix = options.mixes.first(where: { known.contains($0.name) }) {
            throw InvalidOption(
                name: "mixes", value: mix.text, rule: "\(mix.name) is a stem of the model; give the mix another name")
        }
        let count = options.stems?.count ?? known.count
        if options.format == .stemFile, count != 4 {
            throw InvalidOption(
                name: "format", value: options.format.rawValue,
                rule: "it holds four stems, not \(count); choose four with stems")
        }
    }
}
