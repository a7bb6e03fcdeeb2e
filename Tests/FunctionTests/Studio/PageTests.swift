import Foundation
import FunctionHost
import HTTPTransport
import StudioFunction
import TestSupport
import Testing

/// The page as files: which there are, who gets them, how long they may be kept.
@Suite struct PageTests {
    private static let folder = Places.repository.appending(path: "functions/studio/page")
    private static let browser: HTTPHeaders = ["Accept": "text/html,application/xhtml+xml,*/*;q=0.8"]

    /// `files.c` names each file of the folder, and the build took the present ones.
    @Test func theFilesAreThoseOfTheFolder() throws {
        let studio = StudioFunction()
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(studio.files.keys) == Set(names))
        for name in names where name != "index.html" {
            #expect(try studio.files[name]?.bytes == Data(contentsOf: Self.folder.appending(path: name)), "\(name)")
        }
    }

    /// No build step looks whether a module is there, or is needed.
    @Test func modulesImportEachOther() throws {
        var named: Set = ["studio.js", "player.js"]
        for name in StudioFunction().files.keys where name.hasSuffix(".js") {
            let text = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
            let imports = text.matches(of: /(?:from|import) '\.\/([a-z-]+\.js)';/).map { String($0.output.1) }
            for other in imports {
                #expect(
                    FileManager.default.fileExists(atPath: Self.folder.appending(path: other).path), "\(name): \(other)"
                )
            }
            named.formUnion(imports)
            // Text becomes text, whatever a song is called.
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                #expect(!text.contains(way), "\(name) uses \(way)")
            }
        }
        #expect(named == Set(StudioFunction().files.keys.filter { $0.hasSuffix(".js") }))
    }

    @Test func browsersGetThePageAndProgramsTheList() async throws {
        let keys = KeyRing([try APIKey(name: "studio", secret: APIKey.makeSecret())])
        try await withHost(
            [EchoFunction(), StudioFunction()],
            configure: {
                $0.keys = keys
                $0.rate = Rate("2/h")
            }
        ) { host async throws in
            let page = try await host.get("/", headers: Self.browser)
            #expect(page.status == 200)
            #expect(page.headers["Content-Type"] == "text/html; charset=utf-8")
            #expect(page.headers["Cache-Control"] == "no-cache")
            #expect(page.headers["Vary"] == "Accept")
            let policy = try #require(page.headers["Content-Security-Policy"])
            #expect(policy.hasPrefix("default-src 'none';") && !policy.contains("unsafe") && !policy.contains("*"))
            #expect(page.headers["Referrer-Policy"] == "no-referrer")
            #expect(try await host.get("/").json["version"] != nil)
            #expect(try await host.get("/", headers: ["Accept": "application/json"]).headers["Vary"] == "Accept")
            // Everything that the page names is there without a key, kept for ever, and no matter of the rate.
            let named = page.text.matches(of: /(?:src|href)="([^"]+)"/).map { String($0.output.1) }
            #expect(named.count == 3)
            for path in named + named {
                let file = try await host.get(path)
                #expect(file.status == 200, "\(path)")
                #expect(file.headers["Cache-Control"] == "public, max-age=31536000, immutable")
                #expect(file.headers["Access-Control-Allow-Origin"] == "*")
            }
            #expect(try await host.get("/echo").status == 401)
        }
    }

    @Test func copiesAreAskedAbout() async throws {
        try await withHost([StudioFunction()]) { host async throws in
            let first = try await host.get("/studio/player.js")
            #expect(first.headers["Content-Type"] == "text/javascript; charset=utf-8")
            #expect(first.headers["Cache-Control"] == "no-cache")
            let tag = try #require(first.headers["ETag"])
            let again = try await host.get("/studio/player.js", headers: ["If-None-Match": tag])
            #expect(again.status == 304 && again.body.isEmpty && again.headers["ETag"] == tag)
            // A page of another release meets this one during an update.
            let other = try await host.get("/studio/0123456789abcdef/player.js")
            #expect(other.status == 200 && other.headers["Cache-Control"] == "no-cache")
            #expect(other.body == first.body)
            for path in ["/studio/index.html", "/studio/nothing.js", "/studio/..%2Ffunction.yaml", "/studio/files.c"] {
                #expect(try await host.get(path).problem == "not-found", "\(path)")
            }
            let head = try await host.send("HEAD", "/", headers: Self.browser)
            #expect(head.status == 200 && head.body.isEmpty)
        }
    }

    /// Where no function has a page, browsers get what everybody gets.
    @Test func aHostWithoutAPageHasTheList() async throws {
        try await withHost([EchoFunction()]) { host async throws in
            #expect(try await host.get("/", headers: Self.browser).json["version"] != nil)
        }
    }
}
