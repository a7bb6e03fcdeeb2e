import EnvironmentSettings
import Foundation
import HTTPServer
import ServiceContract
import Synchronization

/// Who sent a request.
public enum Caller: Sendable, Equatable {
    /// Somebody on a host without keys.
    case anybody
    /// The holder of a key.
    case key(APIKey)
    /// The storage, or whoever else has the function's own token.
    case tokenHolder
    /// Whoever has a link to one job.
    case guest(JobID)

    /// The key's name, if there is a key.
    public var name: String? { if case .key(let key) = self { key.name } else { nil } }
}

/// Decides who may call the functions, how often, and how much at once.
///
/// A request goes through these questions in turn: does it name this host and come from no foreign page (without keys only;
/// a key is something that no page can send by accident), does it bring the function's token, a share link, a key or a session,
/// is its sender within the rate, and has he a place left.
final class Gatekeeper: Sendable {
    private let keys: KeyRing?
    private let rate: Rate?
    private let concurrency: Int
    private let hosts: HostNames
    private let origins: AllowedOrigins
    private let signer: TokenSigner
    private let sessions: Sessions
    private let limiter = Mutex(RateLimiter())
    private let places = Places()

    init(_ configuration: HostConfiguration) {
        keys = configuration.keys
        rate = configuration.rate
        concurrency = configuration.concurrency
        hosts = configuration.hosts
        origins = configuration.origins
        signer = configuration.signer
        sessions = Sessions(keys: configuration.keys, signer: configuration.signer)
    }

    /// What the gatekeeper looks at.
    struct Credentials: Sendable {
        var headers: HTTPFields
        /// What `Host` says.
        var authority: String
        /// The client's address; an IPv6 client is its network.
        var address: String
        var hasBody: Bool
        /// Whether the method changes nothing.
        var isSafe: Bool
        /// The token of a share link and the job that it is sent for, where the route takes one.
        var link: (token: String, job: String)?
    }

    /// One who was let in, and his place.
    struct Admission: Sendable {
        var caller: Caller
        /// What ``leave(_:)`` wants; nil for the token's holder, who is not counted.
        var place: String?
        /// `RateLimit` and its policy, where there is one.
        var rateFields: HTTPFields = [:]
    }

    /// Lets a request in.
    ///
    /// - Parameters:
    ///   - token: the function's own; a request without a body needs none, since storages probe so.
    ///   - isPublic: whether the route asks for no key.
    /// - Throws: a ``Problem``: 401 without a valid key or with a link that has expired, 403 from a foreign page, 404 with a forged
    ///   link, 429 too often or too many at once.
    func admit(
        _ credentials: Credentials, token: BearerToken?, isPublic: Bool = false, now: ContinuousClock.Instant = .now
    ) throws(Problem) -> Admission {
        let address = "address \(credentials.address)"
        if let token {
            if token.isIn(credentials.headers[.authorization]) { return Admission(caller: .tokenHolder) }
            guard credentials.hasBody else { return try admit(.anybody, as: address, rate, concurrency, now) }
        }
        if keys == nil, token == nil { try checkPage(credentials) }
        // A page is many files, and sending them is no work: they count against no rate.
        if isPublic { return Admission(caller: .anybody, place: try take(address, concurrency)) }
        if let link = credentials.link {
            let admission = try admit(.anybody, as: address, rate, concurrency, now)
            do {
                let job = try signer.checkShare(link.token, of: link.job, keys: keys)
                return Admission(caller: .guest(job), place: admission.place, rateFields: admission.rateFields)
            } catch {
                if let place = admission.place { leave(place) }
                throw error
            }
        }
        guard let keys else {
            guard token == nil else {
                _ = try count(address, rate, now)
                throw .unauthorized("Send the token as “Authorization: Bearer …”.")
            }
            return try admit(.anybody, as: address, rate, concurrency, now)
        }
        let key: APIKey
        do {
            key = try client(of: credentials, keys)
        } catch {
            _ = try count(address, rate, now)
            throw error
        }
        return try admit(.key(key), as: "key \(key.name)", key.rate ?? rate, key.concurrency ?? concurrency, now)
    }

    /// Lets in whoever wants to begin or end a session, and has shown no key yet.
    ///
    /// - Throws: a ``Problem``: 403 from a foreign page, 429 too often or too many at once.
    func admitStranger(_ credentials: Credentials, now: ContinuousClock.Instant = .now) throws(Problem) -> Admission {
        if keys == nil { try checkPage(credentials) }
        return try admit(.anybody, as: "address \(credentials.address)", rate, concurrency, now)
    }

    /// Without keys a request must name this host, and come from none but its own pages and those that are allowed.
    private func checkPage(_ credentials: Credentials) throws(Problem) {
        let origin = credentials.headers[.origin]
        try hosts.check(credentials.authority, origin: origin.flatMap { origins.allow($0) ? nil : $0 })
    }

    /// Whose key or session a request brings. A key goes before a session.
    private func client(of credentials: Credentials, _ keys: KeyRing) throws(Problem) -> APIKey {
        if let secret = Self.secret(in: credentials.headers) {
            guard let key = keys.client(with: secret) else { throw .unknownKey }
            return key
        }
        guard let session = Sessions.value(in: credentials.headers) else {
            throw .unauthorized("Send your API key as “Authorization: Bearer …” or “X-API-Key: …”.")
        }
        guard let key = sessions.client(session) else {
            throw .unauthorized("The session has ended; sign in again with your API key.")
        }
        if !credentials.isSafe { try sessions.checkCSRF(credentials.headers, session: session) }
        return key
    }

    private func admit(
        _ caller: Caller, as client: String, _ rate: Rate?, _ concurrency: Int, _ now: ContinuousClock.Instant
    ) throws(Problem) -> Admission {
        let fields = try count(client, rate, now)
        return Admission(caller: caller, place: try take(client, concurrency), rateFields: fields)
    }

    /// Gives a place back.
    func leave(_ place: String) { places.leave(place) }

    private func take(_ client: String, _ limit: Int) throws(Problem) -> String {
        guard places.take(client, of: limit) else { throw .tooManyAtOnce(limit: limit) }
        return client
    }

    private func count(
        _ client: String, _ rate: Rate?, _ now: ContinuousClock.Instant
    ) throws(Problem) -> HTTPFields {
        guard let rate else { return [:] }
        let (wait, left) = limiter.withLock { limiter in
            (limiter.admit(client, rate, now: now), limiter.left(of: client, rate, now: now))
        }
        let fields = rate.fields(left)
        guard let wait else { return fields }
        var problem = Problem.tooOften(rate, wait: wait)
        problem.headers.append(contentsOf: fields)
        throw problem
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

/// A secret of a function's own that requests may bring in `Authorization` instead of an API key.
public struct BearerToken: Sendable {
    private let forms: [[UInt8]]

    /// A token of one word is expected after `Bearer`; one of two words (`Basic …`) as it is. A storage that sends
    /// one word without `Bearer` is let in, too.
    public init(_ token: String) {
        forms = token.contains(" ") ? [Array(token.utf8)] : [Array("Bearer \(token)".utf8), Array(token.utf8)]
    }

    /// Compares in a time that does not depend on how much is right.
    package func isIn(_ header: String?) -> Bool {
        let given = Array((header ?? "").utf8)
        var isEqual = false
        for form in forms {
            var difference = UInt8(given.count == form.count ? 0 : 1)
            for index in form.indices { difference |= form[index] ^ (index < given.count ? given[index] : 0) }
            if difference == 0 { isEqual = true }
        }
        return isEqual
    }
}

/// The names under which a host without keys answers.
///
/// A page from elsewhere can make a browser send requests to any address that the browser reaches. It cannot make the
/// browser leave out `Origin` from those that change something; and it can read answers only by letting a name of its
/// own point to this machine ("DNS rebinding"), which `Host` then shows. Addresses and `localhost` are nobody's names.
package struct HostNames: Sendable, Equatable {
    private let names: Set<String>
    private let isAny: Bool

    /// Reads names separated by commas; `*` for all.
    package init(_ text: String = "") {
        let all = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
        names = Set(all)
        isAny = names.contains("*")
    }

    /// - Throws: a 403 ``Problem`` for another host's name, or a page of another host.
    package func check(_ authority: String, origin: String?) throws(Problem) {
        guard !isAny else { return }
        let name = Self.name(of: authority)
        guard name == "localhost" || name.hasSuffix(".localhost") || NetworkAddress(name) != nil || names.contains(name)
        else { throw .foreignHost }
        guard let origin else { return }
        let place = origin.lowercased().split(separator: "://", maxSplits: 1).last.map { String($0) } ?? ""
        guard place == authority.lowercased() || names.contains(Self.name(of: place)) else { throw .foreignOrigin }
    }

    /// The name without its port; an IPv6 address without its brackets.
    private static func name(of authority: String) -> String {
        let text = authority.lowercased()
        if text.first == "[", let end = text.firstIndex(of: "]") {
            return String(text[text.index(after: text.startIndex)..<end])
        }
        return text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).first.map { String($0) } ?? ""
    }
}

extension Form<HostNames> {
    /// Names, separated by commas.
    static var hostNames: Form { Form("names of hosts, separated by commas; `*` for all") { HostNames($0) } }
}
