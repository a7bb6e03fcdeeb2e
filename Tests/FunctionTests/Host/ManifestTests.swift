import FunctionHost
import Testing

@Suite struct ManifestTests {
    @Test func aWholeManifestIsRead() throws {
        let manifest = try FunctionManifest(
            yaml: Array(
                """
                name: upload
                description: Takes songs.
                routes:
                  - path: /upload/{id}
                    methods: [POST, PUT]
                    polled: true
                  - path: /
                    methods: [GET]
                    public: true
                limits: {maxBody: 2GiB, timeout: 15m, maxConcurrency: 7}
                """.utf8))
        #expect(manifest.name == "upload")
        #expect(manifest.routes.map(\.path.description) == ["/upload/{id}", "/"])
        #expect(manifest.routes.map(\.isPublic) == [false, true])
        #expect(manifest.routes[0].methods == ["POST", "PUT"] && manifest.routes[0].isPolled)
        #expect(manifest.limits.maxBody == 2 << 30)
        #expect(manifest.limits.timeout == .seconds(900))
        #expect(manifest.limits.maxConcurrency == 7)
        #expect(manifest.limits.targetConcurrency == 3, "half of it, where nothing else is said")
    }

    @Test(arguments: [
        ("", "function.yaml is not a mapping of fields."),
        ("routes: []", "function.yaml: name is missing."),
        ("name: Up load\nroutes: []", "name is “Up load”"),
        ("name: a\nroutes: []", "routes is empty"),
        ("name: a\nroutes: [{path: x, methods: [GET]}]", "“x” does not begin with a slash"),
        ("name: a\nroutes: [{path: /x, methods: [get]}]", "“get”"),
        ("name: a\nroutes: [{path: /x}]", "routes[0]: methods is missing"),
        ("name: a\nroutes: [{path: /x, methods: [GET]}]\nlimits: {timeout: soon}", "timeout is “soon”"),
        ("name: a\nroutes: [{path: /x, methods: [GET]}]\nlimits: {maxBody: 99999999999GiB}", "maxBody is"),
        ("name: a\nroutes: [{path: /x, methods: [GET]}]\nlimits: {maxConcurrency: 0}", "maxConcurrency is “0”"),
        (
            "name: a\nroutes: [{path: /x, methods: [GET]}]\nlimits: {maxConcurrency: 4, targetConcurrency: 5}",
            "targetConcurrency is “5”; write a whole number from 1 to 4"
        ),
        ("name: a\nroutes: [{path: /x, methods: [GET]}]\nlimit: {}", "the field “limit” is unknown"),
        ("name: [", "function.yaml is not YAML"),
    ])
    func mistakesAreNamed(_ yaml: String, _ sentence: String) {
        #expect {
            try FunctionManifest(yaml: Array(yaml.utf8))
        } throws: { error in
            "\(error)".contains(sentence)
        }
    }
}
