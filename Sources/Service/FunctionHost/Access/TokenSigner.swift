import Digests
import EnvironmentSettings
import Foundation
import ServiceContract

/// Signs what the service gives out and has to know again without keeping it: browser sessions and share links.
///
/// A token is `{end}.{key}.{mac}`: until when it is good, which API key it goes back to (`0` on a host without keys), and the
/// HMAC-SHA256 over these, what it is for, and the digest of that key. So it ends with its key: when that is taken from the file,
/// or replaced under the same name. All hosts of a service sign with one secret.
public struct TokenSigner: Sendable {
    private let secret: [UInt8]

    /// Signs with `secret`; without one with random bits, which no other process knows.
    public init(secret: String? = nil) { self.secret = Array((secret ?? .randomHex(bytes: 32)).utf8) }

    /// What a token turned out to be.
    enum Verdict: Equatable {
        /// Of this key; of nobody's on a host without keys.
        case good(APIKey?)
        case expired
        case forged
    }

    /// A token for `subject`.
    func token(_ purpose: String, _ subject: String, by key: APIKey?, until end: Date) -> String {
        let end = String(Int64(end.timeIntervalSince1970))
        return "\(end).\(key?.id ?? "0").\(mac(purpose, subject, end, key))"
    }

    /// Looks at a token that somebody sends for `subject`.
    func verdict(on token: String, _ purpose: String, _ subject: String, _ keys: KeyRing?, now: Date = Date())
        -> Verdict
    {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count == 3, let end = Int64(parts[0]), parts[0].utf8.count <= 12 else { return .forged }
        let key = keys?.client(id: parts[1])
        guard key != nil || keys == nil && parts[1] == "0" else { return .forged }
        guard Hash.isEqual(parts[2], mac(purpose, subject, parts[0], key)) else { return .forged }
        return Double(end) > now.timeIntervalSince1970 ? .good(key) : .expired
    }

    /// A word that goes with `value`, and that only this service can tell.
    func companion(_ purpose: String, of value: String) -> String { mac(purpose, value, "", nil) }

    /// A key of 32 bytes for `subject`, from which the secret cannot be told.
    public func key(_ purpose: String, of subject: String) -> [UInt8] {
        Hash.hmac(key: secret, "\(purpose.utf8.count):\(purpose)\(subject)")
    }

    private func mac(_ purpose: String, _ subject: String, _ end: String, _ key: APIKey?) -> String {
        let text = [purpose, subject, end, key?.digest ?? ""].map { "\($0.utf8.count):\($0)" }.joined()
        return Hash.hmac(key: secret, text).prefix(16).hex
    }
}

// MARK: - Share links

extension TokenSigner {
    private static let sharing = "share"

    /// A token that lets everybody who has it see one job until `end`.
    ///
    /// - Parameter caller: who shares it; with the end of its key the token ends, too.
    public func shareToken(of job: JobID, by caller: Caller, until end: Date) -> String {
        var key: APIKey?
        if case .key(let sender) = caller { key = sender }
        return token(Self.sharing, job.description, by: key, until: end)
    }

    /// Checks a token that is sent for a job.
    ///
    /// - Throws: a 401 ``Problem`` when it has expired, and a 404 as for a stranger when it was never given out for this job.
    func checkShare(_ token: String, of job: String, keys: KeyRing?, now: Date = Date()) throws(Problem) -> JobID {
        guard let id = JobID(job) else { throw .notShared }
        switch verdict(on: token, Self.sharing, job, keys, now: now) {
        case .good: return id
        case .expired: throw .linkExpired
        case .forged: throw .notShared
        }
    }
}

/// What the environment says of the signatures.
public struct SigningSettings: Configurable {
    /// What sessions and share links are signed with.
    public var secret: String?

    /// A secret of each process.
    public static let usual = SigningSettings()

    /// The variable.
    public static var settings: [Setting<SigningSettings>] {
        let form = Form<String>("at least 32 random characters, the same for all hosts") {
            $0.utf8.count >= 32 ? $0 : nil
        }
        return [
            Setting("MSAAS_SIGNING_SECRET", \.secret, form, otherwise: "random in each process", isSecret: true)
        ]
    }
}
