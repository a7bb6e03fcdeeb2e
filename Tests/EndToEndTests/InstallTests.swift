import Foundation
import LocalStack
import TestSupport
import Testing

/// `make install` and what it put there, away from the checkout.
@Suite struct InstallTests {
    @Test func whatIsInstalledWorksAwayFromTheCheckout() async throws {
        let folder = try TemporaryDirectory()
        let prefix = folder.path + "/usr local"
        func make(_ target: String) async throws {
            _ = try await Program.run([
                "make", "-C", Places.repository.path, target, "PREFIX=\(prefix)", "BIN=\(Places.products.path)",
            ])
        }
        try await make("install")
        let msaas = prefix + "/bin/msaas"
        // Nothing but the installed tree: another folder, no variable, no cache.
        let environment = ["MSAAS_MODELS": "", "XDG_CACHE_HOME": folder.path + "/cache", "HOME": folder.path]
        func run(_ arguments: String...) async throws -> (code: Int32, output: String) {
            let output = folder.path + "/said-\(UUID())"
            let process = try ChildProcess(
                [msaas] + arguments, environment: environment, output: output, directory: folder.path)
            let code = await process.wait()
            return (code, (try? String(contentsOfFile: output, encoding: .utf8)) ?? "")
        }
        let separated = try await run("separate", DemoSong.cut(seconds: 1, to: folder.url).path)
        #expect(separated.code == 0, "\(separated.output)")
        #expect(FileManager.default.fileExists(atPath: folder.path + "/separated/starter/clip/vocals.wav"))

        let demo = try await run(
            "demo", "--port", "\(freePort())", "--storage-port", "\(freePort())", "--redis-port", "\(freePort())")
        #expect(demo.code == 0, "\(demo.output)")
        #expect(demo.output.contains("SDR dB"), "\(demo.output)")
        #expect(FileManager.default.fileExists(atPath: folder.path + "/stems/vocals.wav"))

        // Without its models it says where it looked and what to do.
        try FileManager.default.moveItem(atPath: prefix + "/share/msaas/models", toPath: folder.path + "/elsewhere")
        for arguments in [["separate", "clip.mp3"], ["up"]] {
            let lost = try await run(arguments[0], arguments.count > 1 ? arguments[1] : "--workers=1")
            #expect(lost.code == 1)
            #expect(lost.output.contains(prefix + "/share/msaas/models"), "\(lost.output)")
            #expect(lost.output.contains("MSAAS_MODELS"), "\(lost.output)")
        }
        try await make("uninstall")
        let left = try await Program.run(["find", prefix, "-type", "f"])
        #expect(left == "")
    }
}
