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
            repository: repository, shipped: shipped, cache: cache, officials: OfficialModel.all,
            downloader: Downloader(transport: transport, address: address ?? OfficialModel.address))
    }

    /// A store with other official models.
    package init(
        repository: URL?, shipped: URL, cache: URL, officials: [OfficialModel], downloader: Downloader
    ) {
        self.repository = repository
        self.shipped = shipped
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
