import Foundation
import HTTPTransport
import TestSupport
import Testing

/// Certificates, against a server of OpenSSL's.
@Suite struct TLSTests {
    private func status(_ server: ServerProcess, _ tls: TLSOptions) async throws -> Int {
        let request = HTTPRequest(url: "https://127.0.0.1:\(server.port)/", tls: tls)
        let response = try await CurlTransport().send(request)
        _ = try await response.body.collect(limit: 1 << 20)
        return response.status
    }

    private func isRefused(_ server: ServerProcess, _ tls: TLSOptions) async -> Bool {
        do {
            _ = try await status(server, tls)
            return false
        } catch HTTPError.tls(_, _) {
            return true
        } catch {
            return false
        }
    }

    @Test func trust() async throws {
        let authority = try await Authority(name: "IP:127.0.0.1")
        let server = try authority.server()
        let pem = try Data(contentsOf: URL(fileURLWithPath: authority.certificate))
        #expect(await isRefused(server, TLSOptions()))
        #expect(try await status(server, TLSOptions(trust: .file(authority.certificate))) == 200)
        #expect(try await status(server, TLSOptions(trust: .pem(pem))) == 200)
        #expect(try await status(server, TLSOptions(verifiesServer: false)) == 200)
        let other = try await Authority(name: "IP:127.0.0.1")
        #expect(await isRefused(server, TLSOptions(trust: .file(other.certificate))))
    }

    @Test func wrongName() async throws {
        let authority = try await Authority(name: "DNS:elsewhere")
        let server = try authority.server()
        #expect(await isRefused(server, TLSOptions(trust: .file(authority.certificate))))
    }

    @Test func clientCertificate() async throws {
        let authority = try await Authority(name: "IP:127.0.0.1")
        let client = try await Authority(name: "DNS:client")
        let server = try authority.server("-Verify", "1", "-CAfile", client.certificate, "-verify_return_error")
        let own = TLSOptions.ClientCertificate(
            certificate: try Data(contentsOf: URL(fileURLWithPath: client.certificate)),
            key: try Data(contentsOf: URL(fileURLWithPath: client.key)))
        let trust = TLSOptions.Trust.file(authority.certificate)
        #expect(try await status(server, TLSOptions(trust: trust, clientCertificate: own)) == 200)
        await #expect(throws: HTTPError.self) { try await status(server, TLSOptions(trust: trust)) }
    }
}

extension Authority {
    /// A server of OpenSSL's that shows the certificate.
    fileprivate func server(_ options: String...) throws -> ServerProcess {
        try ServerProcess(
            ["openssl", "s_server", "-accept", "{port}", "-www", "-cert", certificate, "-key", key] + options)
    }
}
