import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import Threading

/// Decides who may call the functions and how often.
final class Gatekeeper: Sendable {
    private let keys: KeyRing?
    private let rate: Rate?
    private let proxies: TrustedProxies
    private let limiter = Mutex(RateLimiter())

    init(_ configuration: HostConfiguration) {
        keys = configuration.keys
        rate = configuration.rate
        proxies = configuration.trustedProxies
    }

    /// Lets a request through.
    ///
    /// - Parameters:
    ///   - functionChecks: whether the function asks for a token of its own; then neither key nor rate count here.
    /// - Returns: the client's name, for the log; nil when it has none.
    /// - Throws: a ``Problem``: 401 without a valid key, 429 too often.
    func admit(
        _ headers: HTTPFields, peer: String?, functionChecks: Bool, now: ContinuousClock.Instant = .now
    ) throws(Problem) -> String? {
        if functionChecks { return nil }
        let address = proxies.client(peer: peer, forwardedFor: headers[.forwardedFor])
        guard let keys else {
            try count("address \(address)", rate, now)
            return nil
        }
        guard let secret = Self.secret(in: headers) else {
            try count("address \(address)", rate, now)
            throw .unauthorized("Send your API key as “Authorization: Bearer …” or “X-API-Key: …”.")
        }
        guard let client = keys.client(with: secret) else {
            try count("address \(address)", rate, now)
            throw .unauthorized("The API key is not known here (any more); ask whoever runs this service for one.")
        }
        try count("key \(client.name)", client.rate ?? rate, now)
        return client.name
    }

    private func count(_ client: String, _ rate: Rate?, _ now: ContinuousClock.Instant) throws(Problem) {
        guard let rate, let wait = limiter.withLock({ $0.admit(client, rate, now: now) }) else { return }
        throw .tooOften(rate, wait: wait)
    }

    private static func secret(in headers: HTTPFields) -> String? {
        if let key = headers[.apiKey] { return key }
        guard let value = headers[.authorization] else { return nil }
        let words = value.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }
}

extension HTTPField.Name {
    /// `X-API-Key`.
    static let apiKey = HTTPField.Name("X-API-Key")!
    /// `X-Forwarded-For`.
    static let forwardedFor = HTTPField.Name("X-Forwarded-For")!
}

/// Reads the file of API keys again when it changes.
struct KeyFileWatch: Service {
    let keys: KeyRing?
    let interval: Duration
    let logger: Logger

    func run() async throws {
        guard let keys, keys.file != nil else {
            try? await gracefulShutdown()
            return
        }
        let thread = BlockingThread(name: "api-keys")
        try? await cancelWhenGracefulShutdown {
            var complaint = ""
            while true {
                try await Task.sleep(for: interval)
                do {
                    if try await thread.run({ try keys.reload() }) {
                        logger.notice("API keys read", metadata: ["count": .stringConvertible(keys.count)])
                    }
                    complaint = ""
                } catch {
                    // Once for each kind of trouble, not every few seconds.
                    if complaint != "\(error)" {
                        logger.error("API keys stay as they were", metadata: ["error": .string("\(error)")])
                    }
                    complaint = "\(error)"
                }
            }
        }
    }
}
