import Foundation
import TestSupport
import Testing

/// A folder below `functions` is served, described, and run by a cluster; each failure names the place that lacks it.
@Suite struct FunctionPodTests {
    @Test func theListIsTheFolders() throws {
        let (folders, names) = (try FunctionPod.folders(), Set(FunctionPod.names))
        for name in folders.subtracting(names) {
            Issue.record("functions/\(name) has no line in `all` of Tests/ManifestTests/Support/FunctionPod.swift")
        }
        for name in names.subtracting(folders) {
            Issue.record("Tests/ManifestTests/Support/FunctionPod.swift names \(name), which has no function.yaml")
        }
    }

    @Test func theHostServesThemAll() async throws {
        let host = Places.products.appending(path: "function-host").path
        let served = Set(try await Program.run([host, "--list"]).split(separator: "\n").map(String.init))
        for name in try FunctionPod.folders().subtracting(served) {
            Issue.record("\(name) is not in `functions` of Sources/Programs/function-host/FunctionHostCommand.swift")
        }
    }

    @Test func theTableOfPathsHasThem() throws {
        let rows = try Project.text(of: "README.md").split(separator: "\n").filter { $0.hasPrefix("| `") }
        for pod in FunctionPod.all {
            for prefix in try pod.prefixes {
                let isThere = rows.contains { row in
                    row.split(separator: "|").first?.split { " `,?".contains($0) }.contains {
                        $0 == prefix || (prefix != "/" && $0.hasPrefix(prefix + "/"))
                    } ?? false
                }
                #expect(isThere, "README's table of methods and paths lacks \(prefix) (functions/\(pod.name))")
            }
        }
    }

    @Test(arguments: Rendering.names)
    func everyOneHasItsPods(name: String) async throws {
        let rendering = try await Rendering(name)
        let functions = rendering.all("Deployment").filter {
            $0["metadata", "labels", "app.kubernetes.io/component"]?.string == "function"
        }
        #expect(
            Set(functions.map(\.name)) == Set(FunctionPod.names),
            "a function has its file in k8s/base/functions, which k8s/base/kustomization.yaml names")
    }
}
