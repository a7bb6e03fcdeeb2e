import Foundation
import FunctionHost

/// A function as a cluster runs it, and as the manifests are held against it. A new one needs its line in ``all``.
struct FunctionPod {
    /// What a pod talks to.
    enum Neighbour { case redis, storage, internet }

    let name: String
    var uses: Set<Neighbour> = []
    /// Whether clients call it, and not only the storage.
    var servesClients = true

    static let all = [
        FunctionPod(name: "upload", uses: [.redis, .storage]),
        FunctionPod(name: "separate", uses: [.redis, .storage], servesClients: false),
        FunctionPod(name: "fetch", uses: [.redis, .storage]),
        FunctionPod(name: "studio"),
        FunctionPod(name: "callbacks", uses: [.redis, .internet]),
    ]

    static let names = all.map(\.name)
    static let forClients = all.filter(\.servesClients).map(\.name)

    static func using(_ neighbour: Neighbour) -> [String] { all.filter { $0.uses.contains(neighbour) }.map(\.name) }

    /// The folders below `functions` that have a `function.yaml`.
    static func folders() throws -> Set<String> {
        let folder = Project.folder("functions")
        return Set(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
                FileManager.default.fileExists(atPath: folder.appending(path: "\($0)/function.yaml").path)
            })
    }

    /// The beginnings of the paths that it answers, as an Ingress has them.
    var prefixes: Set<String> {
        get throws {
            let file = try Project.text(of: "functions/\(name)/function.yaml")
            return Set(
                try FunctionManifest(yaml: Array(file.utf8)).routes.map { route in
                    "/" + (route.path.description.split(separator: "/").first ?? "")
                })
        }
    }
}
