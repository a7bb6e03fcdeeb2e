import Foundation
import Jobs
import TestSupport
import Testing

/// TLS to a real `redis-server`.
@Suite struct RedisTLSTests {
    private func queue(
        _ server: ServerProcess, host: String = "127.0.0.1", scheme: String = "rediss", _ files: [String: String] = [:]
    ) throws -> RedisJobQueue {
        let address = try RedisAddress("\(scheme)://\(host):\(server.port)", environment: files)
        return RedisJobQueue(address: address, options: QueueOptions(timeouts: .init(patience: .zero)))
    }

    /// Why Redis cannot be reached.
    private func refusal(_ queue: RedisJobQueue) async throws -> String {
        do {
            try await queue.ping()
        } catch let error as RedisError {
            guard case .unreachable = error else { throw error }
            return error.description
        }
        throw TestFailure("the connection was made")
    }

    @Test func jobsGoThroughTLS() async throws {
        let authority = try await Authority(name: "IP:127.0.0.1")
        let redis = try authority.redis()
        let queue = try queue(redis, ["REDIS_CA_FILE": authority.certificate])
        // Longer than any buffer on the way, and than one record of TLS.
        let job = newJob(String(repeating: "é", count: 200_000))
        #expect(try await queue.enqueue(job) == .enqueued(position: 1))
        #expect(try await queue.job(job.id)?.filename == job.filename)
        let claim = try #require(try await queue.claim(worker: "w", wait: .seconds(5)))
        #expect(try await queue.renew(claim) == .held)
        #expect(try await queue.claim(worker: "w", wait: .milliseconds(50)) == nil)
    }

    @Test func namesAreChecked() async throws {
        let authority = try await Authority(name: "DNS:localhost")
        let redis = try authority.redis()
        let files = ["REDIS_CA_FILE": authority.certificate]
        try await queue(redis, host: "localhost", files).ping()
        let wrong = try await refusal(queue(redis, files))
        #expect(wrong.contains("not accepted for 127.0.0.1 (IP address mismatch)"), "\(wrong)")
        let elsewhere = try await Authority(name: "DNS:elsewhere")
        let other = try elsewhere.redis()
        let mismatch = try await refusal(
            queue(other, host: "localhost", ["REDIS_CA_FILE": elsewhere.certificate]))
        #expect(mismatch.contains("not accepted for localhost (hostname mismatch)"), "\(mismatch)")
    }

    @Test func strangersAreNotBelieved() async throws {
        let authority = try await Authority(name: "IP:127.0.0.1")
        let other = try await Authority(name: "IP:127.0.0.1")
        let redis = try authority.redis()
        for files in [[:], ["REDIS_CA_FILE": other.certificate]] {
            let reason = try await refusal(queue(redis, files))
            #expect(reason.contains("self-signed") && reason.contains("REDIS_CA_FILE"), "\(reason)")
        }
        let absent = try await refusal(queue(redis, ["REDIS_CA_FILE": "/absent.pem"]))
        #expect(absent.contains("REDIS_CA_FILE /absent.pem cannot be used"), "\(absent)")
    }

    @Test func serversMayAskForACertificate() async throws {
        let authority = try await Authority(name: "IP:127.0.0.1")
        let redis = try authority.redis(["--tls-auth-clients", "yes"])
        var files = ["REDIS_CA_FILE": authority.certificate]
        await #expect(throws: RedisError.self) { try await queue(redis, files).ping() }
        files["REDIS_CERT_FILE"] = authority.certificate
        files["REDIS_KEY_FILE"] = authority.key
        try await queue(redis, files).ping()
    }

    @Test func plainAndTLSAreNotMixedUp() async throws {
        let plain = try ServerProcess.redis()
        let reason = try await refusal(queue(plain))
        // It answers a greeting that happens to hold a line end, and waits for the end of any other.
        #expect(reason.contains("TLS") && reason.contains("write redis://"), "\(reason)")
        let authority = try await Authority(name: "IP:127.0.0.1")
        let redis = try authority.redis()
        await #expect(throws: RedisError.self) { try await queue(redis, scheme: "redis").ping() }
    }

    @Test func aServerThatIsSilentInTheHandshakeIsGivenUp() async throws {
        let server = try FakeRedis([.silence])
        let address = try RedisAddress("rediss://127.0.0.1:\(server.port)", environment: [:])
        let queue = RedisJobQueue(
            address: address,
            options: QueueOptions(timeouts: .init(connect: .milliseconds(200), patience: .zero)))
        let reason = try await refusal(queue)
        #expect(reason.contains("does not answer the TLS handshake"), "\(reason)")
    }
}

extension Authority {
    /// A `redis-server` that shows the certificate.
    fileprivate func redis(_ options: [String] = ["--tls-auth-clients", "no"]) throws -> ServerProcess {
        try ServerProcess(
            [
                "redis-server", "--port", "0", "--tls-port", "{port}", "--bind", "127.0.0.1", "::1", "--dir",
                "{directory}", "--save", "", "--tls-cert-file", certificate, "--tls-key-file", key,
                "--tls-ca-cert-file", certificate,
            ] + options)
    }
}
