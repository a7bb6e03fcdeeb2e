import Foundation
import HTTPServer
import HTTPTransport
import Logging
import TestSupport
import Testing

@Suite struct CertificateTests {
    private static var logger: Logger {
        var logger = Logger(label: "certificates")
        logger.logLevel = .critical
        return logger
    }

    private func get(_ port: Int, trusting certificate: String) async throws -> Int {
        let response = try await CurlTransport().send(
            HTTPRequest(url: "https://127.0.0.1:\(port)/", tls: TLSOptions(trust: .file(certificate))))
        return response.status
    }

    /// Replaces a file as programs do that renew certificates: whole and at once.
    private func replace(_ path: String, with other: String) throws {
        let next = path + ".next"
        try FileManager.default.copyItem(atPath: other, toPath: next)
        guard rename(next, path) == 0 else { throw TestFailure("cannot rename \(next)") }
    }

    @Test func aNewCertificateIsTakenWhenItsFilesChange() async throws {
        let (old, new) = (try await Authority(name: "IP:127.0.0.1"), try await Authority(name: "IP:127.0.0.1"))
        let files = try TemporaryDirectory()
        let (certificate, key) = (files.path + "/tls.crt", files.path + "/tls.key")
        try FileManager.default.copyItem(atPath: old.certificate, toPath: certificate)
        try FileManager.default.copyItem(atPath: old.key, toPath: key)
        let source = try CertificateSource(certificate: certificate, key: key, logger: Self.logger)
        let server = try await GuardedServer(certificates: source)
        #expect(try await get(server.port, trusting: old.certificate) == 200)
        await #expect(throws: HTTPError.self) { try await get(server.port, trusting: new.certificate) }

        // Half of the pair: the old one stays.
        try replace(certificate, with: new.certificate)
        source.reload()
        #expect(try await get(server.port, trusting: old.certificate) == 200)

        try replace(key, with: new.key)
        source.reload()
        #expect(try await get(server.port, trusting: new.certificate) == 200)
        await #expect(throws: HTTPError.self) { try await get(server.port, trusting: old.certificate) }

        // Rubbish, and nothing at all, change nothing.
        try Data("rubbish".utf8).write(to: URL(filePath: certificate))
        source.reload()
        try FileManager.default.removeItem(atPath: key)
        source.reload()
        #expect(try await get(server.port, trusting: new.certificate) == 200)
    }

    @Test func filesThatCannotBeUsedAreNamed() async throws {
        let (one, other) = (try await Authority(name: "IP:127.0.0.1"), try await Authority(name: "IP:127.0.0.1"))
        for (certificate, key, name) in [
            ("/nowhere/tls.crt", one.key, "/nowhere/tls.crt"),
            (one.certificate, "/nowhere/tls.key", "/nowhere/tls.key"),
            (one.certificate, other.key, one.certificate),
        ] {
            let error = #expect(throws: CertificateError.self) {
                try CertificateSource(certificate: certificate, key: key, logger: Self.logger)
            }
            #expect(error?.description.contains(name) == true)
        }
    }
}
