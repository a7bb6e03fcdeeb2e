/// A model published by the authors of Demucs.
///
/// Addresses, signatures and checksums are those of `demucs/remote/` in version 4.1.0 of the reference.
package struct OfficialModel: Sendable {
    /// One checkpoint of the bag. The checksum is the beginning of the file's SHA-256.
    package struct Member: Sendable {
        var signature: String
        var checksum: String

        /// A member by its signature and the beginning of its SHA-256.
        package init(signature: String, checksum: String) {
            self.signature = signature
            self.checksum = checksum
        }

        /// Name of the file on the server and in the cache.
        var fileName: String { "\(signature)-\(checksum).th" }
    }

    var name: String
    var members: [Member]
    /// Weight of each member for each source; nil when there is one member.
    var weights: [[Double]]?

    /// A model of the given members.
    package init(name: String, members: [Member], weights: [[Double]]? = nil) {
        self.name = name
        self.members = members
        self.weights = weights
    }

    /// What stands before `hybrid_transformer/FILE` in the files' addresses.
    static let address = "https://dl.fbaipublicfiles.com/demucs"

    /// All that can be used here.
    package static let all = [
        OfficialModel(name: "htdemucs", members: [Member(signature: "955717e8", checksum: "8726e21a")]),
        OfficialModel(
            name: "htdemucs_ft",
            members: [
                Member(signature: "f7e0c4bc", checksum: "ba3fe64a"),
                Member(signature: "d12395a8", checksum: "e57c48e6"),
                Member(signature: "92cfc3b6", checksum: "ef3bcb9c"),
                Member(signature: "04573f0d", checksum: "f3cf25b2"),
            ],
            weights: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        OfficialModel(name: "htdemucs_6s", members: [Member(signature: "5c90dfd2", checksum: "34c22ccb")]),
    ]

    /// Names by which the reference knows models of other classes.
    static let unsupported: Set = [
        "hdemucs_mmi", "mdx", "mdx_extra", "mdx_q", "mdx_extra_q", "repro_mdx_a", "repro_mdx_a_hybrid_only",
        "repro_mdx_a_time_only",
    ]

    /// The bag that the reference's YAML file describes.
    var definition: BagDefinition { BagDefinition(models: members.map(\.signature), weights: weights) }
}

extension [OfficialModel] {
    /// The model of that name, or the one checkpoint of that signature.
    func named(_ name: String) -> OfficialModel? {
        if let model = first(where: { $0.name == name }) { return model }
        let member = flatMap(\.members).first { $0.signature == name }
        return member.map { OfficialModel(name: name, members: [$0]) }
    }
}
