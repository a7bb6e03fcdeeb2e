import Digests
import Foundation
import ServiceContract

/// Sessions of browsers: an API key is exchanged for a cookie, since what plays sound and follows events sends no headers.
///
/// The cookie is a token of ``TokenSigner``; nothing is kept of it here. No script reads it (`HttpOnly`), and no page of elsewhere
/// makes a browser send it (`SameSite=Strict`). Requests that change something need a second word in `X-CSRF-Token`, which only
/// this service's own pages can ask for.
struct Sessions: Sendable {
    static let methods = ["GET", "POST", "DELETE"]
    static let bodyLimit = 4096
    private static let cookie = "msaas_session"
    private static let lifetime = 7 * 86_400
    private static let purpose = (session: "session", csrf: "csrf")

    let keys: KeyRing?
    let signer: TokenSigner

    /// The session that a request brings, if any.
    static func value(in headers: HTTPFields) -> String? {
        for field in headers[values: .cookie] {
            for pair in field.split(separator: ";") {
                let parts = pair.drop(while: \.isWhitespace).split(separator: "=", maxSplits: 1)
                if parts.count == 2, parts[0] == cookie { return String(parts[1]) }
            }
        }
        return nil
    }

    /// Whose session it is; nil when it has ended, or never was one.
    func client(_ value: String) -> APIKey? {
        guard case .good(let key?) = signer.verdict(on: value, Self.purpose.session, "", keys) else { return nil }
        return key
    }

    /// Whether a request that changes something was made by a page of this service.
    ///
    /// - Throws: a 403 ``Problem``.
    func checkCSRF(_ headers: HTTPFields, session: String) throws(Problem) {
        guard Hash.isEqual(headers[.csrfToken] ?? "", csrf(session)) else { throw .csrfToken }
    }

    private func csrf(_ session: String) -> String { signer.companion(Self.purpose.csrf, of: session) }

    // MARK: - /session

    /// Answers a request to `/session`.
    ///
    /// - Parameters:
    ///   - caller: who asks, where that was looked at: with `GET`.
    ///   - isSecure: whether the browser speaks TLS, and shall send the cookie over nothing else.
    func answer(
        _ method: String, _ headers: HTTPFields, caller: Caller, isSecure: Bool, body: FunctionBody
    ) async throws -> FunctionResponse {
        switch method {
        case "POST":
            let key = try await Self.key(headers, body)
            guard let keys else { return FunctionResponse(status: 204) }
            guard let client = keys.client(with: key) else { throw Problem.unknownKey }
            let end = Date(timeIntervalSinceNow: Double(Self.lifetime))
            let value = signer.token(Self.purpose.session, "", by: client, until: end)
            return Self.setting(value, for: Self.lifetime, isSecure)
        case "DELETE": return Self.setting("", for: 0, isSecure)
        default:
            var status = SessionStatus(open: keys == nil)
            if case .key(let key) = caller { (status.owner, status.admin) = (key.name, key.isAdmin) }
            if let value = Self.value(in: headers), client(value) != nil { status.csrf = csrf(value) }
            return try .json(headers: [.cacheControl: "no-store"], status)
        }
    }

    private static func setting(_ value: String, for seconds: Int, _ isSecure: Bool) -> FunctionResponse {
        let cookie =
            "\(cookie)=\(value); HttpOnly; SameSite=Strict; Path=/; Max-Age=\(seconds)" + (isSecure ? "; Secure" : "")
        return FunctionResponse(status: 204, headers: [.setCookie: cookie, .cacheControl: "no-store"])
    }

    private struct Opening: Decodable { var key: String }

    private static func key(_ headers: HTTPFields, _ body: FunctionBody) async throws -> String {
        let data = try await body.collect(upTo: bodyLimit)
        // A form of a page of elsewhere can send any bytes, but not this type.
        let type = headers[.contentType]?.prefix { $0 != ";" }.lowercased()
        guard type?.trimmingCharacters(in: .whitespaces) == "application/json",
            let opening = try? JSONDecoder().decode(Opening.self, from: data)
        else { throw Problem.badRequest("Send {\"key\": \"…\"} as application/json.") }
        return opening.key
    }
}

extension HTTPField.Name {
    /// `X-CSRF-Token`.
    static let csrfToken = HTTPField.Name("X-CSRF-Token")!
}

extension Problem {
    static let csrfToken = Problem(
        .csrfToken,
        detail:
            "A session's requests that change something need the csrf of GET /session in X-CSRF-Token; send it along.")

    static let unknownKey = unauthorized(
        "The API key is not known here (any more); ask whoever runs this service for one.")

    static let linkExpired = Problem(
        .linkExpired, detail: "The link has expired; ask whoever shared the song for a new one.",
        headers: [.wwwAuthenticate: "Bearer"])

    static let notShared = notFound("There is no such song here, or this link is not its own; ask for the link again.")
}
