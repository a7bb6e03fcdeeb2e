import Foundation
import TestSupport
import Testing

/// What the tools of others say.
@Suite struct ToolTests {
    /// The kinds that GKE and KEDA add; their schemas are not part of Kubernetes.
    private static let foreign: Set = ["BackendConfig", "FrontendConfig", "ManagedCertificate", "ScaledObject"]

    /// Against the API of a server of today and of older ones: no field that they do not know, none of a wrong type.
    @Test(arguments: Rendering.names, ["1.30", "1.34", "1.37"])
    func everyObjectFitsItsSchema(name: String, version: String) async throws {
        let folder = try TemporaryDirectory()
        let file = folder.url.appending(path: "rendered.yaml")
        try await Rendering(name).text.write(to: file, atomically: true, encoding: .utf8)
        let result = try await Program.result(
            ["kubernetes-validate", "--strict", "--kubernetes-version", version, file.path])
        #expect(result.code == 0, "\(result.text)")
        let lines = result.text.split(separator: "\n")
        let objects = try await Rendering(name).objects
        let unknown = lines.filter { $0.contains("Couldn't find schema") }
        #expect(
            unknown.allSatisfy { line in Self.foreign.contains { line.contains("kind \($0) ") } }, "\(unknown)")
        #expect(lines.filter { $0.contains(" passed ") }.count == objects.count - unknown.count, "\(result.text)")
    }

    @Test func theSecretsFitTheirSchema() async throws {
        let folder = try TemporaryDirectory()
        let file = folder.url.appending(path: "secrets.yaml")
        try await Program.run([Project.root.appending(path: "k8s/secrets.sh").path])
            .write(to: file, atomically: true, encoding: .utf8)
        _ = try await Program.run(["kubernetes-validate", "--strict", file.path])
    }

    @Test func theDockerfileHasNoFaults() async throws {
        _ = try await Program.run(["hadolint", "k8s/images/Dockerfile"])
    }

    @Test(arguments: [
        "secrets.sh", "sample-requests.sh", "release.sh", "base/redis/start.sh", "base/storage/users.sh",
    ])
    func scriptsHaveNoFaults(name: String) async throws {
        let path = Project.root.appending(path: "k8s/\(name)").path
        #expect(FileManager.default.isExecutableFile(atPath: path))
        _ = try await Program.run(["shellcheck", path])
    }

    /// Every image that a cluster runs has a stage, and the Makefile builds it.
    @Test func imagesAreBuilt() async throws {
        let rendering = try await Rendering("base")
        let images = Set(
            rendering.workloads.flatMap { $0.containers + $0.initContainers }.compactMap { $0.text("image") }
                .filter { $0.hasPrefix("msaas/") }.compactMap {
                    $0.split(separator: "/").last?.split(separator: ":").first
                }
        )
        let dockerfile = try Project.text(of: "k8s/images/Dockerfile")
        let stages = Set(dockerfile.matches(of: /\nFROM \S+ AS (\S+)/).map(\.1))
        #expect(images.isSubset(of: stages))
        let line = try #require(
            try Project.text(of: "Makefile").split(separator: "\n").first { $0.hasPrefix("IMAGES ") })
        let built = line.split(separator: "=").last?.split(separator: " ") ?? []
        #expect(Set(built) == images)
        #expect(
            try Project.text(of: "k8s/overlays/gke/kustomization.yaml").matches(of: /- name: msaas\/(\S+)/).count == 4)
        for image in images {
            #expect(dockerfile.contains("COPY --from=build /programs/\(image) /usr/local/bin/"))
            #expect(dockerfile.contains("ENTRYPOINT [\"/usr/local/bin/\(image)\"]"))
        }
        // The one that only KEDA needs is built on demand.
        let onDemand = try await Rendering("overlays/keda").workloads.flatMap(\.containers)
            .contains { $0.text("image")?.hasPrefix("msaas/keda-scaler:") == true }
        #expect(onDemand && dockerfile.contains("COPY --from=build-keda /programs/keda-scaler /usr/local/bin/"))
        #expect(try Project.text(of: "Makefile").contains("ifdef KEDA\nIMAGES         += keda-scaler\nendif\n"))
        // What pods run as, as whom the images run.
        let user = try #require(rendering.workloads.first?.pod?.at("securityContext", "runAsUser")?.int)
        #expect(dockerfile.contains("USER \(user):\(user)\n"))
    }
}
