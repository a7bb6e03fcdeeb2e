import Foundation
import Synchronization
import TestSupport
import Yams

/// What `kubectl kustomize` makes of a folder below `k8s/`.
struct Rendering {
    /// Everything that can be rendered.
    static let names = ["base", "overlays/local", "overlays/gke", "overlays/keda"]
    /// What is applied to clusters.
    static let overlays = ["overlays/local", "overlays/gke"]

    let name: String
    let text: String
    let objects: [Object]

    private static let texts = Mutex<[String: String]>([:])

    init(_ name: String) async throws {
        let known = Self.texts.withLock { $0[name] }
        let text: String
        if let known {
            text = known
        } else {
            text = try await Program.run(["kubectl", "kustomize", Project.folder("k8s/\(name)").path])
            Self.texts.withLock { $0[name] = text }
        }
        self.name = name
        self.text = text
        objects = try Object.all(in: text)
    }

    /// The objects of a kind.
    func all(_ kinds: String...) -> [Object] { objects.filter { kinds.contains($0.kind) } }

    /// The object of that kind and name; generated ConfigMaps have a hash behind theirs.
    func object(_ kind: String, _ name: String) throws -> Object {
        guard let object = objects.first(where: { $0.kind == kind && $0.name == name }) else {
            throw TestFailure("There is no \(kind) \(name) in \(self.name).")
        }
        return object
    }

    /// What runs pods.
    var workloads: [Object] { all("Deployment", "StatefulSet", "Job") }
}

/// The folders of the project.
enum Project {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
        .standardizedFileURL

    static func folder(_ path: String) -> URL { root.appending(path: path, directoryHint: .isDirectory) }

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}
