/// Why a model cannot be had.
public enum ModelStoreError: Error, Equatable, CustomStringConvertible {
    /// The text cannot be a model's name.
    case invalidName(String)
    /// There is no model of that name; the known ones are listed.
    case unknownModel(String, known: [String])
    /// The reference has a model of that name, but it is no HTDemucs.
    case unsupportedModel(String)
    /// No name was given and the repository does not say which of its models is meant.
    case nameNeeded(folder: String, known: [String])
    /// A bag's member is not in the folder.
    case missingMember(bag: String, signature: String, folder: String)
    /// Several files have the same signature.
    case duplicateSignature(String, files: [String])
    /// A bag's YAML file, or a bag together with its checkpoints, makes no sense.
    case invalidBag(String, reason: String)
    /// A file's SHA-256 does not begin with what its name says.
    case wrongChecksum(file: String, expected: String, found: String)
    /// A file cannot be fetched.
    case downloadFailed(file: String, address: String, reason: String)
    /// A file or folder cannot be read or written.
    case inaccessible(path: String, reason: String)
    /// The model is not one of the downloaded ones.
    case notRemovable(String)

    /// A sentence that says what is wrong and what to do.
    public var description: String {
        switch self {
        case .invalidName(let name):
            "\(name.debugDescription.prefix(100)) cannot be a model's name: use letters, digits, '.', '_' and '-'."
        case .unknownModel(let name, let known):
            "There is no model \(name); the known ones are \(list(known)). Use --repo DIR for models of your own."
        case .unsupportedModel(let name):
            "\(name) is no HTDemucs model, and no other kind is supported. Use htdemucs, htdemucs_ft or htdemucs_6s."
        case .nameNeeded(let folder, let known):
            "\(folder) has \(known.isEmpty ? "no models" : "the models \(list(known)); say with -n which to use")."
        case .missingMember(let bag, let signature, let folder):
            "The bag \(bag) needs \(signature).th or \(signature).safetensors, which is not in \(folder)."
        case .duplicateSignature(let signature, let files):
            "The model \(signature) is there more than once (\(list(files))); remove all but one."
        case .invalidBag(let name, let reason):
            "The bag \(name) is wrong: \(reason)."
        case .wrongChecksum(let file, let expected, let found):
            "\(file) is damaged: its SHA-256 begins with \(found), not with \(expected). Fetch it again."
        case .downloadFailed(let file, let address, let reason):
            "\(file) could not be downloaded from \(address): \(reason) "
                + "Try again to go on where it stopped, or fetch the file by other means and use --repo DIR with its folder."
        case .inaccessible(let path, let reason):
            "\(path) cannot be used: \(reason)."
        case .notRemovable(let name):
            "\(name) was not downloaded, so there is nothing to remove."
        }
    }

    private func list(_ names: [String]) -> String { names.joined(separator: ", ") }
}
