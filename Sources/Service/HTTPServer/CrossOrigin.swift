import EnvironmentSettings
import HTTPTypes

/// The pages of other origins that may call a server from a browser (CORS; Fetch Living Standard, section 3.2).
///
/// A browser asks before it sends what no form could send (a "preflight", which brings no key), and shows an answer to a page of
/// another origin only where the answer names that origin. The browser's own credentials are never allowed: a page of elsewhere
/// brings a key, or a link, and has no part in the sessions of this server's pages.
public struct AllowedOrigins: Sendable, Equatable {
    private let origins: Set<String>
    private let isAny: Bool

    /// Nobody's pages.
    public init() { (origins, isAny) = ([], false) }

    /// Reads origins (`https://music.example`, `http://localhost:3000`) between commas; `*` for all.
    ///
    /// - Returns: nil when one is no origin: with a path, or without a scheme.
    public init?(_ text: String) {
        var origins: Set<String> = []
        for part in text.split(separator: ",") {
            let origin = part.drop(while: \.isWhitespace).lowercased().replacing(/\s+$/, with: "")
            guard
                origin == "*"
                    || origin.wholeMatch(
                        of: /https?:\/\/[a-z0-9.-]+(:[0-9]{1,5})?|https?:\/\/\[[0-9a-f:.]+\](:[0-9]{1,5})?/) != nil
            else { return nil }
            origins.insert(origin)
        }
        self.origins = origins
        isAny = origins.contains("*")
    }

    /// Whether the pages of an origin may call.
    public func allow(_ origin: String) -> Bool { isAny || origins.contains(origin.lowercased()) }

    /// Whether a request asks, before another one, whether that may be sent.
    public static func isPreflight(_ method: String, _ headers: HTTPFields) -> Bool {
        method == "OPTIONS" && headers[.origin] != nil && headers[.accessControlRequestMethod] != nil
    }

    /// The fields of the answer to a preflight: these methods, and the fields that the page wants to send. Nil when its origin is
    /// not allowed.
    public func preflight(_ request: HTTPFields, methods: [String]) -> HTTPFields? {
        guard let origin = request[.origin], allow(origin) else { return nil }
        var fields: HTTPFields = [
            .accessControlAllowMethods: methods.joined(separator: ", "), .accessControlMaxAge: "600",
            .vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        ]
        fields[.accessControlAllowHeaders] = request[.accessControlRequestHeaders]
        return fields
    }

    /// Marks an answer for the page of `origin`, if that is one of these.
    ///
    /// - Parameter exposed: the fields that the page may read, beside those that everybody may.
    public func mark(_ answer: inout HTTPFields, for origin: String?, exposing exposed: String) {
        guard isAny || !origins.isEmpty else { return }
        // A cache must not give one page the answer that was marked for another.
        if answer[.vary]?.contains("Origin") != true { answer[values: .vary].append("Origin") }
        guard let origin, allow(origin) else { return }
        answer[.accessControlAllowOrigin] = origin
        answer[.accessControlExposeHeaders] = exposed
    }
}

extension Form<AllowedOrigins> {
    /// Origins, separated by commas.
    public static var origins: Form {
        Form("origins such as https://music.example, separated by commas; `*` for all") { AllowedOrigins($0) }
    }
}
