import Foundation
import FunctionHost
import HTTPServer
import HTTPTransport
import ServiceContract
import TestSupport
import Testing

/// Pages of other origins: those that are named may call host and storage from a browser, others not.
@Suite struct CrossOriginTests {
    private static let page = "https://music.example"

    private static func preflight(
        _ host: RunningHost, _ path: String, _ method: String, from origin: String = page
    ) async throws -> Reply {
        try await host.send(
            "OPTIONS", path,
            headers: [
                "Origin": origin, "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "x-api-key,idempotency-key",
            ])
    }

    @Test(arguments: [false, true]) func namedPagesMayCall(withKeys: Bool) async throws {
        let secret = APIKey.makeSecret()
        let keys = withKeys ? KeyRing([try APIKey(name: "studio", secret: secret)]) : nil
        let origins = try #require(AllowedOrigins("http://localhost:3000, https://Music.example"))
        try await withStack(keys: keys, origins: origins) { stack in
            // Browsers ask first, and bring no key.
            for (path, method) in [("/upload", "POST"), ("/fetch/x", "DELETE"), ("/fetch/x/drums", "GET")] {
                let reply = try await Self.preflight(stack.host, path, method)
                #expect(reply.status == 204)
                #expect(reply.headers["Access-Control-Allow-Origin"] == Self.page)
                #expect(reply.headers["Access-Control-Allow-Methods"]?.contains(method) == true)
                #expect(reply.headers["Access-Control-Allow-Headers"] == "x-api-key,idempotency-key")
                #expect(reply.headers["Access-Control-Allow-Credentials"] == nil)
                #expect(reply.headers["Vary"]?.contains("Origin") == true)
            }
            var headers: HTTPHeaders = ["Origin": Self.page]
            if withKeys { headers["X-API-Key"] = secret }
            let upload = try await stack.host.send(
                "POST", "/upload", headers: headers, body: .bytes(UploadTests.song))
            #expect(upload.status == 202)
            #expect(upload.headers["Access-Control-Allow-Origin"] == Self.page)
            #expect(upload.headers["Access-Control-Expose-Headers"]?.contains("Location") == true)
            // Also what is wrong can be read.
            for (path, status) in [("/fetch?limit=0", 400), ("/nothing", 404), ("/fetch/x", 404)] {
                let reply = try await stack.host.get(path, headers: headers)
                #expect(reply.status == status)
                #expect(reply.headers["Access-Control-Allow-Origin"] == Self.page)
            }
            if withKeys {
                let refused = try await stack.host.get("/fetch", headers: ["Origin": Self.page])
                #expect(refused.problem == "unauthorized")
                #expect(refused.headers["Access-Control-Allow-Origin"] == Self.page)
            }

            // A presigned address, which leads to the storage.
            let presigned = try await stack.host.send("POST", "/upload?presign=1&format=flac", headers: headers)
                .decoded(PresignedUpload.self)
            let asked = try await CurlTransport().send(
                HTTPRequest(
                    method: "OPTIONS", url: presigned.url,
                    headers: [
                        "Origin": Self.page, "Access-Control-Request-Method": "PUT",
                        "Access-Control-Request-Headers": "content-type,x-amz-meta-format",
                    ]))
            #expect(asked.status == 200)
            #expect(asked.headers["Access-Control-Allow-Origin"] == Self.page)
            #expect(asked.headers["Access-Control-Allow-Methods"]?.contains("PUT") == true)
            #expect(asked.headers["Access-Control-Allow-Headers"] == "content-type,x-amz-meta-format")
            var sent = HTTPHeaders(presigned.headers.map { ($0, $1) })
            sent["Origin"] = Self.page
            let put = try await CurlTransport().send(
                HTTPRequest(method: "PUT", url: presigned.url, headers: sent, body: .bytes(UploadTests.song)))
            #expect(put.status == 200)
            #expect(put.headers["Access-Control-Allow-Origin"] == Self.page)
            #expect(put.headers["Access-Control-Expose-Headers"]?.contains("ETag") == true)
        }
    }

    @Test func othersMayNot() async throws {
        let origins = try #require(AllowedOrigins(Self.page))
        let foreign = ["https://evil.example", "http://music.example", "https://music.example:444", "null"]
        try await withStack(origins: origins) { stack in
            for origin in foreign {
                let asked = try await Self.preflight(stack.host, "/upload", "POST", from: origin)
                #expect(asked.problem == "foreign-origin")
                #expect(asked.headers["Access-Control-Allow-Origin"] == nil)
                let read = try await stack.host.get("/fetch", headers: ["Origin": origin])
                #expect(read.problem == "foreign-origin")
                let presigned = try await stack.host.send("POST", "/upload?presign=1").decoded(PresignedUpload.self)
                let storage = try await CurlTransport().send(
                    HTTPRequest(
                        method: "OPTIONS", url: presigned.url,
                        headers: ["Origin": origin, "Access-Control-Request-Method": "PUT"]))
                #expect(storage.status == 403)
                #expect(storage.headers["Access-Control-Allow-Origin"] == nil)
            }
            // What is no preflight is a method like any other.
            #expect(try await stack.host.send("OPTIONS", "/upload").problem == "method-not-allowed")
        }
        // With keys nothing but their absence keeps a page from asking, but it learns nothing.
        let ring = KeyRing([try APIKey(name: "studio", secret: APIKey.makeSecret())])
        try await withHost([EchoFunction()], configure: { $0.keys = ring }) { host in
            let asked = try await Self.preflight(host, "/echo", "POST", from: "https://evil.example")
            #expect(asked.problem == "foreign-origin")
            #expect(asked.headers["Vary"] == nil, "nobody is named, so answers are the same for all")
        }
    }

    @Test func originsAreReadAsTheyAreWritten() throws {
        for text in [
            "music.example", "https://", "https://music.example/", "ftp://a", "https://a b", "https://a:x", "null",
        ] {
            #expect(AllowedOrigins(text) == nil, "\(text)")
        }
        let any = try #require(AllowedOrigins("*"))
        #expect(any.allow("https://whoever.example") && any.allow("null"))
        let some = try #require(AllowedOrigins("http://[::1]:3000,http://localhost"))
        #expect(some.allow("http://[::1]:3000") && some.allow("http://LOCALHOST") && !some.allow("http://localhost:1"))
    }
}
