import Foundation
import FunctionHost
import ServiceContract
import TestSupport
import Testing

@Suite struct APIKeyTests {
    @Test func aKeyIsKeptAsItsDigest() throws {
        let secret = APIKey.makeSecret()
        #expect(secret.wholeMatch(of: /msaas_[0-9a-f]{64}/) != nil)
        #expect(APIKey.makeSecret() != secret)
        let key = try APIKey(name: "studio", secret: secret, rate: Rate("20/s"))
        #expect(!key.entry.contains(secret) && !key.entry.contains(secret.dropFirst(6)))
        let other = try APIKey(name: "lab@2", secret: "password")
        // What `printf password | sha256sum` prints.
        #expect(other.digest == "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8")
        #expect(try APIKey.list(yaml: key.entry + other.entry) == [key, other])
    }

    @Test func onlyTheRightKeyIsFound() throws {
        let secret = APIKey.makeSecret()
        let ring = KeyRing([try APIKey(name: "a", secret: APIKey.makeSecret()), try APIKey(name: "b", secret: secret)])
        #expect(ring.client(with: secret)?.name == "b")
        for wrong in [
            "", secret + " ", secret.uppercased(), String(secret.dropLast()), String(repeating: "x", count: 600),
        ] {
            #expect(ring.client(with: wrong) == nil)
        }
    }

    @Test(arguments: [
        ("a: b", "not a list"), ("[", "not YAML"), ("- x", "not a mapping"),
        ("- name: a\n  sha256: \(String(repeating: "0", count: 64))\n  admin: maybe", "admin is “maybe”"),
        ("- name: a\n  sha256: \(String(repeating: "0", count: 64))\n  weight: 0", "weight is “0”"),
        ("- name: a\n  sha256: \(String(repeating: "0", count: 64))\n  bytesPerDay: much", "a size"),
        ("- name: a", "sha256 is missing"), ("- name: a\n  sha256: 5e", "64 lower-case"),
        ("- name: a b\n  sha256: \(String(repeating: "0", count: 64))", "name is “a b”"),
        ("- name: a\n  sha256: \(String(repeating: "0", count: 64))\n  rate: fast", "rate is “fast”"),
        ("- name: a\n  sha256: \(String(repeating: "0", count: 64))\n  key: x", "“key” is unknown"),
        (String(repeating: "- {name: a, sha256: \(String(repeating: "0", count: 64))}\n", count: 2), "another entry"),
        (String(repeating: "[", count: 100_000), "not"),
    ])
    func wrongFilesAreRefusedWithASentence(_ yaml: String, _ words: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try APIKey.list(yaml: yaml) }
        #expect(error.description.contains(words), "\(error)")
    }

    @Test func theFileIsReadAgainWhenItChanges() throws {
        let folder = try TemporaryDirectory()
        let file = folder.url.appending(path: "keys.yaml")
        let (first, second) = (APIKey.makeSecret(), APIKey.makeSecret())
        try APIKey(name: "first", secret: first).entry.write(to: file, atomically: true, encoding: .utf8)
        let ring = try #require(try KeyRing(environment: ["MSAAS_API_KEYS_FILE": file.path]))
        #expect(try !ring.reload())
        try APIKey(name: "second", secret: second).entry.write(to: file, atomically: true, encoding: .utf8)
        #expect(try ring.reload())
        #expect(ring.client(with: first) == nil && ring.client(with: second)?.name == "second")
        // A file that is broken or gone changes nothing.
        try "- broken".write(to: file, atomically: true, encoding: .utf8)
        let error = try #require(throws: ConfigurationError.self) { try ring.reload() }
        #expect(error.description.contains(file.path))
        try FileManager.default.removeItem(at: file)
        #expect(throws: ConfigurationError.self) { try ring.reload() }
        #expect(ring.client(with: second)?.name == "second")
        // An empty list is a word, too: nobody.
        for nobody in ["[]", "", "# all were taken back\n"] {
            try APIKey(name: "second", secret: second).entry.write(to: file, atomically: true, encoding: .utf8)
            try ring.reload()
            #expect(ring.client(with: second) != nil)
            try nobody.write(to: file, atomically: true, encoding: .utf8)
            #expect(try ring.reload())
            #expect(ring.client(with: second) == nil && ring.count == 0)
        }
    }

    @Test func aKeySaysWhatItMayHave() throws {
        let digest = String(repeating: "0", count: 64)
        let key = try #require(
            try APIKey.list(
                yaml: """
                    - {name: a, sha256: \(digest), concurrency: 4, admin: true, weight: 3, priority: -1, maxWaiting: 5,
                       bytesPerDay: 1GiB, secondsPerDay: 3600, maxSongBytes: 2MiB, maxSongSeconds: 900,
                       sampleRates: 8000-96000, maxWorkSeconds: 3600, maxStemBytes: 2GiB, maxDiskBytes: 4GiB,
                       maxJobSeconds: 1800}
                    """
            ).first)
        var budget = SongBudget()
        (budget.songBytes, budget.songSeconds, budget.sampleRates) = (2 << 20, 900, 8000...96_000)
        (budget.workSeconds, budget.stemBytes, budget.diskBytes, budget.jobSeconds) = (3600, 2 << 30, 4 << 30, 1800)
        #expect(key.budget == budget)
        for wrong in [
            "maxSongBytes: -1", "maxSongSeconds: 0", "sampleRates: 96000-8000", "sampleRates: 44100",
            "maxDiskBytes: 1e300",
            "maxJobSeconds: soon", "maxWorkSeconds: 9223372036854775808", "maxStemBytes: [1]",
        ] {
            let error = #expect(throws: ConfigurationError.self) {
                try APIKey.list(yaml: "- {name: a, sha256: \(digest), \(wrong)}")
            }
            #expect(error?.description.contains(wrong.prefix { $0 != ":" }) == true)
        }
        #expect(key.concurrency == 4 && key.isAdmin)
        #expect((key.quota.weight, key.quota.priority, key.quota.maxWaiting) == (3, -1, 5))
        #expect((key.quota.bytesPerDay, key.quota.secondsPerDay) == (1 << 30, 3600))
        #expect(try APIKey(name: "b", secret: "x").quota == APIKey.Quota())
    }

    @Test func theEnvironmentSaysWhoIsLetIn() throws {
        #expect(try KeyRing(environment: [:]) == nil)
        #expect(try KeyRing(environment: ["MSAAS_API_KEYS": ""]) == nil)
        let entry = try APIKey(name: "a", secret: "x").entry
        #expect(try KeyRing(environment: ["MSAAS_API_KEYS": entry])?.count == 1)
        #expect(throws: ConfigurationError.self) { try KeyRing(environment: ["MSAAS_API_KEYS_FILE": "/absent"]) }
        #expect(throws: ConfigurationError.self) {
            try KeyRing(environment: ["MSAAS_API_KEYS_FILE": "/absent", "MSAAS_API_KEYS": entry])
        }
        for (name, value) in [
            ("MSAAS_OPEN", "yes"), ("MSAAS_RATE_LIMIT", "20"), ("MSAAS_TRUSTED_PROXIES", "10.0.0.0/33"),
        ] {
            let error = try #require(throws: ConfigurationError.self) {
                try HostConfiguration(environment: [name: value])
            }
            #expect(error.description.contains(name) && error.description.contains(value))
        }
    }
}
