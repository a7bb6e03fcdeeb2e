import Untrusted
import Foundation

/// A folder with checkpoints and bags, laid out as the reference's `--repo`: `NAME.yaml`, `SIG-CHECKSUM.th`, `SIG.th`
/// and, beyond the reference, `SIG.safetensors`.
///
/// Source: `LocalRepo`, `BagOnlyRepo` and `AnyModelRepo` in `demucs/repo.py`.
struct ModelFolder {
    /// A checkpoint in the folder.
    struct Member {
        var file: URL
        /// The beginning of the file's SHA-256, if the file's name says it.
        var checksum: String?
    }

    let url: URL
    /// Bags that need no YAML file.
    private let officials: [OfficialModel]
    /// Checkpoints by signature; more than one where the folder is ambiguous.
    private(set) var members: [String: [Member]] = [:]
    /// YAML files by the bag's name.
    private(set) var bags: [String: URL] = [:]

    /// Lists the folder; what is in the files is not looked at.
    ///
    /// - Throws: `ModelStoreError.inaccessible`
    init(_ url: URL, officials: [OfficialModel]) throws {
        self.url = url
        self.officials = officials
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue else {
            throw ModelStoreError.inaccessible(path: url.path, reason: "it is not a folder")
        }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
        } catch {
            throw ModelStoreError.inaccessible(path: url.path, reason: "it cannot be listed")
        }
        for name in names { add(name) }
    }

    private mutating func add(_ name: String) {
        guard let dot = name.lastIndex(of: "."), PlainName.isValid(String(name[..<dot])) else { return }
        let stem = String(name[..<dot])
        let file = url.appending(path: name)
        switch name[dot...] {
        case ".yaml": bags[stem] = file
        case ".safetensors": members[stem, default: []].append(Member(file: file))
        case ".th":
            let dash = stem.lastIndex(of: "-")
            let checksum = dash.map { String(stem[stem.index(after: $0)...]) }
            if let dash, let checksum, checksum.count >= 6, checksum.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) {
                members[String(stem[..<dash]), default: []].append(Member(file: file, checksum: checksum))
            } else {
                members[stem, default: []].append(Member(file: file))
            }
        default: break
        }
    }

    /// Names of all bags and of the checkpoints that stand for themselves, in order.
    var names: [String] { Set(bags.keys).union(members.keys).sorted() }

    /// The bag or the checkpoint of that name, checksums verified; nil when the folder has neither. Blocking.
    ///
    /// A `.th` file goes before a bag of the same name, as in the reference; a bag goes before a `.safetensors` file.
    /// An official bag needs no YAML file.
    func bag(named name: String) throws -> BagFiles? {
        let isTorch = members[name]?.contains { $0.file.pathExtension == "th" } ?? false
        if let definition = isTorch ? nil : try definition(named: name) {
            let models = try definition.models.map { try file(of: $0, in: name) }
            return BagFiles(name: name, models: models, weights: definition.weights, segment: definition.segment)
        }
        return members[name] == nil ? nil : BagFiles(name: name, models: [try file(of: name, in: name)])
    }

    /// What a bag consists of; nil when there is no bag of that name.
    func definition(named name: String) throws -> BagDefinition? {
        if let file = bags[name] {
            guard let size = try? file.resourceValues(forKeys: [.fileSizeKey]).fileSize, size <= 1 << 20,
                let text = try? String(contentsOf: file, encoding: .utf8)
            else { throw ModelStoreError.inaccessible(path: file.path, reason: "it is no text file") }
            return try BagDefinition(name: name, yaml: text)
        }
        let definition = officials.first { $0.name == name }?.definition
        return definition.flatMap { $0.models.allSatisfy { members[$0] != nil } ? $0 : nil }
    }

    /// The member's only file, without a look at its checksum.
    func member(_ signature: String, of bag: String) throws -> Member {
        guard let files = members[signature], let member = files.first else {
            throw ModelStoreError.missingMember(bag: bag, signature: signature, folder: url.path)
        }
        guard files.count == 1 else {
            throw ModelStoreError.duplicateSignature(signature, files: files.map(\.file.lastPathComponent))
        }
        return member
    }

    private func file(of signature: String, in bag: String) throws -> URL {
        let member = try member(signature, of: bag)
        if let checksum = member.checksum { try SHA256.verify(member.file, prefix: checksum) }
        return member.file
    }
}
