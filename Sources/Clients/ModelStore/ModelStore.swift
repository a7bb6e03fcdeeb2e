public import EnvironmentSettings
public import Foundation
public import HTTPTransport
import Threading
import Untrusted

/// Models by name: those in a folder of the user, the one that comes with the program, and the official ones, which are
/// downloaded when first used.
///
/// With a repository, as with the reference's `--repo`, only that folder counts.
public struct ModelStore: Sendable {
    /// The folder named by the user.
    public let repository: URL?
    /// The folder of models that come with the program: `NAME/NAME.yaml` or `NAME.yaml` beside its checkpoints.
    public let shipped: URL
    /// Where that folder was looked for.
    public let places: [URL]
    /// Where downloaded models are kept. It is made when needed.
    public let cache: URL
    let officials: [OfficialModel]
    let downloader: Downloader

    /// A store; nothing is looked at before it is asked for.
    ///
    /// - Parameters:
    ///   - address: what stands before `hybrid_transformer/FILE` in the addresses of the official models; nil for the
    ///     authors' server
    ///   - transport: what downloads
    public init(
        repository: URL?, shipped: URL, cache: URL, address: String? = nil,
        transport: any HTTPTransport = CurlTransport()
    ) {
        self.init(
            repository: repository, shipped: shipped, places: [shipped], cache: cache, officials: OfficialModel.all,
            downloader: Downloader(transport: transport, address: address ?? OfficialModel.address))
    }

    /// A store with other official models.
    package init(
        repository: URL?, shipped: URL, places: [URL] = [], cache: URL, officials: [OfficialModel],
        downloader: Downloader
    ) {
        self.repository = repository
        self.shipped = shipped
        self.places = places
        self.cache = cache
        self.officials = officials
        self.downloader = downloader
    }

    /// The model that is used where no name is given: `htdemucs` once it was downloaded, else `starter`; in a repository
    /// `htdemucs` or else its only model.
    ///
    /// - Throws: ``ModelStoreError/nameNeeded(folder:known:)`` when a repository has several
    public func defaultName() throws -> String {
        guard let repository else { return isCached("htdemucs") ? "htdemucs" : "starter" }
        let folder = try folder(repository)
        if try folder.names.contains("htdemucs") || folder.definition(named: "htdemucs") != nil { return "htdemucs" }
        let names = folder.bags.isEmpty ? folder.names : folder.bags.keys.sorted()
        guard let name = names.first, names.count == 1 else {
            throw ModelStoreError.nameNeeded(folder: repository.path, known: folder.names)
        }
        return name
    }

    /// The files of a model or bag, downloaded first where that is needed and possible. Checksums that the files' names
    /// carry are verified (those of downloaded files once, after the download).
    ///
    /// - Parameters:
    ///   - name: name of a bag or signature of a checkpoint; nil for ``defaultName()``
    ///   - progress: told about downloads, from any thread
    /// - Throws: ``ModelStoreError``; `CancellationError`
    public func bag(
        named name: String?, progress: @escaping @Sendable (DownloadProgress) -> Void = { _ in }
    ) async throws -> BagFiles {
        let name = try Self.validated(try name ?? defaultName())
        let thread = BlockingThread(name: "models")
        if let bag = try await thread.run({ try localBag(named: name) }) { return bag }
        if repository == nil, let official = officials.named(name) { return try await pull(official, progress) }
        throw unknown(name)
    }

    /// The files of a model or bag when it needs no download, also of an official one that was downloaded; else nil. Blocking.
    ///
    /// - Throws: ``ModelStoreError``
    public func presentBag(named name: String) throws -> BagFiles? {
        if let bag = try localBag(named: Self.validated(name)) { return bag }
        guard repository == nil, let official = officials.named(name), isCached(name) else { return nil }
        return BagFiles(name: official.name, models: official.members.map(cached), weights: official.weights)
    }

    /// The bag when it needs no download. Blocking.
    private func localBag(named name: String) throws -> BagFiles? {
        if let repository { return try folder(repository).bag(named: name) }
        for folder in shippedFolders(for: name) {
            if let bag = try self.folder(folder).bag(named: name) { return bag }
        }
        return nil
    }

    /// The name itself when it can be part of a file's name; an error otherwise.
    static func validated(_ name: String) throws -> String {
        guard PlainName.isValid(name) else { throw ModelStoreError.invalidName(name) }
        return name
    }

    /// Lists a folder of models.
    func folder(_ url: URL) throws -> ModelFolder { try ModelFolder(url, officials: officials) }

    /// The folders in which a shipped model of that name may be.
    func shippedFolders(for name: String) -> [URL] {
        [shipped.appending(path: name), shipped].filter { folder in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) && isFolder.boolValue
        }
    }

    /// The error that fits a name which nothing has.
    func unknown(_ name: String) -> ModelStoreError {
        if repository == nil && OfficialModel.unsupported.contains(name) { return .unsupportedModel(name) }
        if repository == nil, name == "starter" { return .notInstalled(name, places: places.map(\.path)) }
        return .unknownModel(name, known: (try? list().names) ?? [])
    }

    /// Where a downloaded checkpoint is kept.
    func cached(_ member: OfficialModel.Member) -> URL { cache.appending(path: member.fileName) }

    /// Whether all files of an official model were downloaded.
    func isCached(_ name: String) -> Bool {
        officials.named(name)?.members.allSatisfy { fileSize(cached($0)) != nil } ?? false
    }

    /// Size of a file in bytes; nil when there is none.
    func fileSize(_ file: URL) -> Int? {
        var status = stat()
        guard stat(file.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }
}

extension ModelStore {
    /// The store that the environment describes: see ``StoreSettings``. Downloaded models are kept in the folder `msaas` of the
    /// caches.
    ///
    /// - Throws: `ConfigurationError` that names the variable.
    public init(repository: URL? = nil, environment: [String: String]) throws(ConfigurationError) {
        let settings = try StoreSettings.reading(environment)
        let home = environment["HOME"].map { URL(filePath: $0) } ?? FileManager.default.homeDirectoryForCurrentUser
        // Relative paths in XDG variables are to be ignored (XDG Base Directory Specification).
        let caches = settings.caches.flatMap { $0.hasPrefix("/") ? URL(filePath: $0) : nil }
        let places = settings.shipped.map { [$0] } ?? Self.shippedFolders()
        let shipped = places.first { FileManager.default.fileExists(atPath: $0.appending(path: "starter").path) }
        self.init(
            repository: repository, shipped: shipped ?? places[0], places: places,
            cache: (caches ?? home.appending(path: ".cache")).appending(path: "msaas"), officials: OfficialModel.all,
            downloader: Downloader(transport: CurlTransport(), address: settings.address ?? OfficialModel.address))
    }

    /// Where the models that come with the program may be, in the order in which it looks: `share/msaas/models` beside the folder of
    /// the executable, as `make install` puts them; `models` beside or above it, as in a checkout; `models` in the working folder.
    private static func shippedFolders() -> [URL] {
        var places: [URL] = []
        if let executable = Bundle.main.executableURL?.resolvingSymlinksInPath() {
            var folder = executable.deletingLastPathComponent()
            places.append(folder.deletingLastPathComponent().appending(path: "share/msaas/models"))
            for _ in 0..<6 where folder.path != "/" {
                places.append(folder.appending(path: "models"))
                folder = folder.deletingLastPathComponent()
            }
        }
        places.append(URL(filePath: FileManager.default.currentDirectoryPath).appending(path: "models"))
        return places
    }
}

/// What the environment says of where models are.
public struct StoreSettings: Configurable {
    /// The folder of shipped models.
    public var shipped: URL?
    /// The folder of all caches of the user.
    public var caches: String?
    /// What takes the place of the authors' server in the official models' addresses.
    public var address: String?

    /// The usual places.
    public static let usual = StoreSettings()

    /// The variables.
    public static var settings: [Setting<StoreSettings>] {
        [
            Setting(
                "MSAAS_MODELS", \.shipped, .path("a folder"),
                otherwise: "`../share/msaas/models` beside the programs, else `models` of the checkout"),
            Setting("XDG_CACHE_HOME", \.caches, .text("a folder"), otherwise: "`~/.cache`"),
            Setting("MSAAS_MODEL_URL", \.address, .text("an address"), otherwise: "the authors' server"),
        ]
    }
}

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

/// Why a model cannot be had.
public enum ModelStoreError: Error, Equatable, CustomStringConvertible {
    /// The text cannot be a model's name.
    case invalidName(String)
    /// There is no model of that name; the known ones are listed.
    case unknownModel(String, known: [String])
    /// The models that come with the program are in none of these places.
    case notInstalled(String, places: [String])
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
        case .notInstalled(let name, let places):
            "The model \(name), which comes with the program, is not there; looked in \(list(places)). "
                + "Set MSAAS_MODELS to the folder that holds \(name), or use another model: -n htdemucs downloads one."
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
