import CStudioPage
import Digests
import Foundation
public import FunctionHost

/// `/` and `/studio…`: the page and the modules that it is made of, as they lie in `page`.
///
/// A version stands for the bytes of all files together. The page names its modules below that version, where they may be kept for
/// ever; a module imports its neighbours by relative addresses, so they come from below the same version. Without a version, which
/// is how other sites name `player.js`, a copy is asked about each time.
public struct StudioFunction: Function {
    /// The bytes of `function.yaml`.
    public static var manifest: [UInt8] { PackageResources.function_yaml }

    /// Below which path of their own the modules are served.
    package let version: String
    /// By name.
    package let files: [String: PageFile]

    /// Needs nothing of the process.
    public init(environment: FunctionEnvironment) { self.init() }

    /// The page as it was compiled in.
    public init() {
        let texts = Self.embedded
        let all = Hash(.sha256)
        for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
            all.update(Data("\(name) \(text.count)\n".utf8))
            all.update(text)
        }
        let version = String(all.finish().hex.prefix(16))
        self.version = version
        files = Dictionary(
            uniqueKeysWithValues: texts.map { name, text in
                (name, PageFile(name, name == Self.front ? Self.page(text, naming: version) : text))
            })
    }

    static let front = "index.html"

    /// Answers with a file.
    public func handle(_ request: FunctionRequest, context: FunctionContext) async throws -> FunctionResponse {
        let name = request.parameters["file"] ?? Self.front
        guard let file = files[name], (name == Self.front) == (request.parameters["file"] == nil) else {
            throw Problem.notFound("The studio has no file “\(name.prefix(64))”; its page is at /.")
        }
        var headers = file.headers
        headers[.cacheControl] =
            request.parameters["version"] == version ? "public, max-age=31536000, immutable" : "no-cache"
        if EntityTags(request.headers[.ifNoneMatch])?.contains(file.eTag) ?? false {
            return FunctionResponse(status: 304, headers: headers)
        }
        return FunctionResponse(headers: headers, body: .bytes(file.bytes))
    }

    /// The texts that `page/files.c` holds, by name.
    private static var embedded: [String: Data] {
        var texts: [String: Data] = [:]
        var index: UInt = 0
        while let file = studio_page_file(index) {
            texts[String(cString: file.pointee.name)] = Data(bytes: file.pointee.text, count: strlen(file.pointee.text))
            index += 1
        }
        return texts
    }

    private static func page(_ text: Data, naming version: String) -> Data {
        Data(String(decoding: text, as: UTF8.self).replacing("=\"/studio/", with: "=\"/studio/\(version)/").utf8)
    }
}

/// A file of the page and the headers that go with it.
package struct PageFile: Sendable {
    /// Its bytes.
    package let bytes: Data
    let eTag: String
    let headers: HTTPFields

    init(_ name: String, _ bytes: Data) {
        self.bytes = bytes
        eTag = "\"\(Hash.digest(.sha256, bytes).hex.prefix(32))\""
        var headers: HTTPFields = [.eTag: eTag, .contentType: Self.contentType(name)]
        if name == StudioFunction.front {
            headers[.vary] = "Accept"
            for (name, value) in Self.protections { headers[name] = value }
        } else {
            // Other sites may show a shared song with `player.js`; what they may hear is for the host to say.
            headers[.accessControlAllowOrigin] = "*"
            headers[HTTPField.Name("Cross-Origin-Resource-Policy")!] = "cross-origin"
        }
        self.headers = headers
    }

    /// Scripts and styles come from this host and are files; nothing is asked of another host, and no other page frames this one. A
    /// shared song's token stands in the page's address, which therefore is told to nobody.
    private static let protections: [(HTTPField.Name, String)] = [
        (
            .contentSecurityPolicy,
            """
            default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
            base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'
            """
        ),
        (HTTPField.Name("Referrer-Policy")!, "no-referrer"),
        (HTTPField.Name("Cross-Origin-Opener-Policy")!, "same-origin"),
        (HTTPField.Name("Permissions-Policy")!, "camera=(), geolocation=(), microphone=()"),
    ]

    private static func contentType(_ name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/manifest+json"
        }
    }
}
