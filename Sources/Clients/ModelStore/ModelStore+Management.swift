import Foundation
import Threading

extension ModelStore {
    /// All models that can be named: with a repository those in it, else the shipped and the official ones.
    ///
    /// - Throws: ``ModelStoreError`` when the repository cannot be listed
    public func list() throws -> ModelList {
        if let repository {
            return ModelList(entries: entries(in: try folder(repository), origin: .repository))
        }
        let inner = (try? FileManager.default.contentsOfDirectory(atPath: shipped.path))?.sorted() ?? []
        let folders = [shipped] + inner.map { shipped.appending(path: $0) }
        let found = folders.compactMap { try? folder($0) }
        var entries = found.flatMap { self.entries(in: $0, origin: .shipped) }
        for model in officials {
            let sizes = model.members.compactMap { fileSize(cached($0)) }
            entries.append(
                ModelList.Entry(
                    name: model.name, origin: .official, isBag: true, models: model.members.count,
                    isPresent: sizes.count == model.members.count, bytes: sizes.reduce(0, +)))
        }
        return ModelList(entries: entries)
    }

    /// Bags and checkpoints; a checkpoint that its own bag of the same name holds is not listed twice.
    private func entries(in folder: ModelFolder, origin: ModelList.Origin) -> [ModelList.Entry] {
        folder.names.map { name in
            let isBag = folder.bags[name] != nil
            let models = isBag ? (try? folder.definition(named: name))?.models : [name]
            let sizes = models?.compactMap { folder.members[$0]?.first.flatMap { fileSize($0.file) } } ?? []
            return ModelList.Entry(
                name: name, origin: origin, isBag: isBag, models: models?.count,
                isPresent: models != nil && sizes.count == models?.count, bytes: sizes.reduce(0, +))
        }
    }

    /// Downloads an official model, unless it is there, and verifies its checksums. An interrupted download goes on
    /// where it stopped.
    ///
    /// - Throws: ``ModelStoreError``; `CancellationError`
    @discardableResult
    public func pull(
        _ name: String, progress: @escaping @Sendable (DownloadProgress) -> Void = { _ in }
    ) async throws -> BagFiles {
        guard let official = officials.named(try Self.validated(name)) else { throw unknown(name) }
        return try await pull(official, progress)
    }

    func pull(_ model: OfficialModel, _ progress: @escaping @Sendable (DownloadProgress) -> Void) async throws
        -> BagFiles
    {
        for (index, member) in model.members.enumerated() where fileSize(cached(member)) == nil {
            try await downloader.fetch(member, into: cache) { received, total in
                progress(
                    DownloadProgress(
                        model: model.name, file: member.fileName, fileIndex: index, fileCount: model.members.count,
                        receivedBytes: received, totalBytes: total))
            }
        }
        return BagFiles(name: model.name, models: model.members.map(cached), weights: model.weights)
    }

    /// Checks every file of a model: its checksum where one is known, else that it opens as a checkpoint. Downloads
    /// nothing.
    ///
    /// - Throws: ``ModelStoreError`` when there is no such model or its bag is wrong
    public func verify(_ name: String) async throws -> [FileCheck] {
        _ = try Self.validated(name)
        return try await BlockingThread(name: "models").run { try check(name) }
    }

    private func check(_ name: String) throws -> [FileCheck] {
        for folder in try (repository.map { [$0] } ?? shippedFolders(for: name)).map({ try self.folder($0) }) {
            let models = try folder.definition(named: name)?.models ?? (folder.members[name] == nil ? nil : [name])
            guard let models else { continue }
            return try models.map {
                guard folder.members[$0] != nil else { return FileCheck(file: $0, outcome: .missing) }
                let member = try folder.member($0, of: name)
                return FileCheck(member.file, checksum: member.checksum)
            }
        }
        guard repository == nil, let official = officials.named(name) else { throw unknown(name) }
        return official.members.map { member in
            fileSize(cached(member)) == nil
                ? FileCheck(file: member.fileName, outcome: .missing)
                : FileCheck(cached(member), checksum: member.checksum)
        }
    }

    /// Deletes the downloaded files of an official model, finished or not.
    ///
    /// - Returns: how many bytes that freed
    /// - Throws: ``ModelStoreError/notRemovable(_:)`` when nothing of it was downloaded
    @discardableResult
    public func remove(_ name: String) throws -> Int {
        guard let official = officials.named(try Self.validated(name)) else {
            throw try list().names.contains(name) ? ModelStoreError.notRemovable(name) : unknown(name)
        }
        let files = official.members.flatMap { [cached($0), Downloader.unfinished(cached($0))] }
        let present = files.compactMap { file in fileSize(file).map { (file, $0) } }
        guard !present.isEmpty else { throw ModelStoreError.notRemovable(name) }
        for (file, _) in present where unlink(file.path) != 0 {
            throw ModelStoreError.inaccessible(path: file.path, reason: String(cString: strerror(errno)))
        }
        return present.reduce(0) { $0 + $1.1 }
    }
}
