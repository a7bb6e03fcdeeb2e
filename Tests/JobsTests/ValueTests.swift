import Foundation
import Jobs
import ServiceContract
import Testing

struct ValueTests {
    @Test func idsAreThirtyTwoLowerCaseDigits() throws {
        let id = JobID.random()
        #expect(JobID(id.description) == id)
        #expect(JobID.random() != id)
        #expect(JobID("0123456789abcdef0123456789abcdef") != nil)
        for wrong in [
            "", "0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcde", "../../../../etc/passwd",
            "0123456789abcdef0123456789abcdef0", "0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdé",
        ] {
            #expect(JobID(wrong) == nil)
        }
        #expect(try JSONDecoder().decode([JobID].self, from: JSONEncoder().encode([id])) == [id])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([JobID].self, from: Data(#"["x"]"#.utf8)) }
    }

    @Test func derivedIdsTellObjectVersionsApart() {
        let id = JobID(bucket: "queue", key: "a", eTag: "1")
        #expect(JobID(bucket: "queue", key: "a", eTag: "\"1\"") == id)
        #expect(JobID(bucket: "queue", key: "a", eTag: "2") != id)
        #expect(JobID(bucket: "queuea", key: "", eTag: "1") != id)
    }

    @Test func aKeyNamesItsJob() {
        let id = JobID.random()
        #expect(Job(bucket: "queue", key: "\(id)/dir/my song.mp3", eTag: "e").id == id)
        #expect(Job(bucket: "queue", key: "\(id)/dir/my song.mp3", eTag: "e").filename == "my song.mp3")
        let derived = JobID(bucket: "queue", key: "dir/song.mp3", eTag: "e")
        #expect(Job(bucket: "queue", key: "dir/song.mp3", eTag: "e").id == derived)
        #expect(Job.id(inKey: "\(id)/") == nil)
        #expect(Job.id(inKey: "\(id)") == nil)
    }

    @Test func accentsDoNotHideTheSlashOfAKey() throws {
        let id = JobID.random()
        let job = Job(bucket: "queue", key: "\(id)/\u{301}song.mp3", eTag: "e")
        #expect((job.id, job.filename) == (id, "\u{301}song.mp3"))
    }

    @Test func optionsSurviveAsMetadata() throws {
        let options = try JobOptions(validating: [
            "model": "htdemucs_ft", "two_stems": "vocals", "other-method": "minus", "format": "mp3", "bitrate": "192",
            "shifts": "2", "overlap": "0.1", "clip-mode": "clamp",
        ])
        #expect(
            options
                == JobOptions(
                    model: "htdemucs_ft", twoStems: "vocals", otherMethod: .minus, format: .mp3, bitrate: 192,
                    shifts: 2,
                    overlap: 0.1, clipMode: .clamp))
        var metadata = options.metadata
        metadata["artist"] = "somebody"
        #expect(try JobOptions(metadata: metadata) == options)
        #expect(try JobOptions(metadata: [:]) == JobOptions())
        #expect(try JobOptions(metadata: JobOptions().metadata) == JobOptions())
    }

    @Test(arguments: [
        ("model", "../x"), ("model", ""), ("model", ".hidden"), ("two_stems", "vo/cals"), ("other_method", "half"),
        ("format", "ogg"), ("bitrate", "100"), ("bitrate", "32"), ("shifts", "11"), ("shifts", "-1"), ("shifts", "1.5"),
        ("overlap", "0.95"), ("overlap", "nan"), ("overlap", "x"), ("clip-mode", "soft"), ("colour", "red"),
    ])
    func wrongOptionsAreRefusedByNameAndValue(name: String, value: String) throws {
        let error = try #require(throws: InvalidOption.self) { try JobOptions(validating: [name: value]) }
        #expect(error.description.contains("“\(name)”"))
        #expect(error.description.contains("“\(value)”"))
        #expect(error.description.hasSuffix("."))
    }

    @Test func anOptionGivenTwiceIsRefused() {
        #expect(throws: InvalidOption.self) { try JobOptions(validating: ["clip_mode": "none", "clip-mode": "clamp"]) }
    }

    @Test func manifestsAreTheSameBytesForTheSameValue() throws {
        let manifest = manifest(of: newJob())
        #expect(try Manifest(json: manifest.encoded()) == manifest)
        #expect(try Manifest(json: manifest.encoded()).encoded() == manifest.encoded())
    }

    @Test func eventPlacesAreOrderedAsNumbers() throws {
        #expect(try #require(EventID("9-10")) < #require(EventID("10-2")))
        #expect(try #require(EventID("10-2")) < #require(EventID("10-10")))
        #expect(EventID("10") == nil)
    }

    @Test func addressesAreReadFromURLs() throws {
        let address = try RedisAddress("redis://me:p%40ss@redis.example:7000/3")
        #expect((address.host, address.port, address.database) == ("redis.example", 7000, 3))
        #expect((address.user, address.password) == ("me", "p@ss"))
        #expect(try RedisAddress("redis://:secret@h").password == "secret")
        #expect(try RedisAddress("redis://[::1]:6380").host == "::1")
        #expect(try RedisAddress("redis://h/").port == 6379)
        let files = ["REDIS_CA_FILE": "/ca", "REDIS_CERT_FILE": "/cert", "REDIS_KEY_FILE": ""]
        #expect(
            try RedisAddress("rediss://h", environment: files).tls
                == RedisTLS(isOn: true, authorities: "/ca", certificate: "/cert"))
        #expect(try RedisAddress("redis://h", environment: files).tls == .off)
        for wrong in ["", "h:1", "http://h", "redis://", "redis://h/x"] {
            let error = try #require(throws: RedisError.self) { try RedisAddress(wrong) }
            #expect(error.description.hasPrefix("REDIS_URL cannot be used: "))
        }
    }
}
