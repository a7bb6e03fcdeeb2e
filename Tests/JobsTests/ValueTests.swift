import EnvironmentSettings
import Foundation
import Jobs
import SeparationChoices
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

    @Test func derivedIdsTellWritesAndOptionsApart() {
        func id(
            _ bucket: String = "queue", _ key: String = "a", _ eTag: String = "1", version: String? = nil,
            at time: Double = 1000, _ options: JobOptions = JobOptions()
        ) -> JobID {
            let write = ObjectWrite(
                bucket: bucket, key: key, eTag: eTag, versionID: version,
                lastModified: Date(timeIntervalSince1970: time))
            return Job(write: write, options: options).id
        }
        #expect(id("queue", "a", "\"1\"") == id())
        #expect(id(at: 1000.4) == id(), "a listing has milliseconds where a HEAD has seconds")
        #expect(id(version: "null") == id(), "which is what a bucket without versions says")
        for other in [
            id("queue", "a", "2"), id("queuea", ""), id(at: 1001), id(version: "x"),
            id("queue", "a", "1", JobOptions(format: .mp3)),
        ] {
            #expect(other != id())
        }
        #expect(JobOptions().identity == "", "options that are as usual stay out, so that new ones change no id")
    }

    @Test func aKeyNamesItsJob() {
        let id = JobID.random()
        let write = ObjectWrite(bucket: "queue", key: "\(id)/dir/my song.mp3", eTag: "e")
        #expect(Job(write: write).id == id)
        #expect(Job(write: write).filename == "my song.mp3")
        #expect(Job(write: write, options: JobOptions(format: .flac)).id == id)
        #expect(Job(write: write, options: JobOptions(format: .flac), isVariant: true).id != id)
        #expect(Job.id(inKey: "\(id)/") == nil)
        #expect(Job.id(inKey: "\(id)") == nil)
    }

    @Test func accentsDoNotHideTheSlashOfAKey() throws {
        let id = JobID.random()
        let job = Job(write: ObjectWrite(bucket: "queue", key: "\(id)/\u{301}song.mp3", eTag: "e"))
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
        ("format", "wma"), ("stems", "vocals,"), ("stems", "a/b"), ("stems", "drums,drums"),
        ("mixes", "karaoke,karaoke"),
        ("mixes", "x=drums+"), ("mixes", "events=drums+bass"), ("keep_rate", "perhaps"), ("sum_exact", ""),
        ("bitrate", "100"), ("bitrate", "32"), ("shifts", "11"), ("shifts", "-1"), ("shifts", "1.5"),
        ("quality", "good"), ("quality", "Best"), ("overlap", "0.95"), ("overlap", "nan"), ("overlap", "x"),
        ("clip-mode", "soft"), ("colour", "red"),
    ])
    func wrongOptionsAreRefusedByNameAndValue(name: String, value: String) throws {
        let error = try #require(throws: InvalidOption.self) { try JobOptions(validating: [name: value]) }
        #expect(error.description.contains("“\(name)”"))
        #expect(error.description.contains("“\(value)”"))
        #expect(error.description.hasSuffix("."))
    }

    /// A quality is another name for shifts and overlap, so a job that is asked for by either is the same job.
    @Test(arguments: Quality.allCases) func aQualityStandsForShiftsAndOverlap(quality: Quality) throws {
        let options = try JobOptions(validating: ["quality": quality.rawValue])
        #expect(options == JobOptions(shifts: quality.shifts, overlap: quality.overlap))
        #expect(try JobOptions(metadata: options.metadata) == options)
        #expect((options.identity == "") == (quality == .standard))
        // What is said beside it goes before it, whichever name sorts first.
        for name in ["quality", "Quality"] {
            let both = try JobOptions(validating: [name: quality.rawValue, "overlap": "0.5", "shifts": "9"])
            #expect((both.shifts, both.overlap) == (9, 0.5))
            let one = try JobOptions(validating: [name: quality.rawValue, "Overlap": "0.7"])
            #expect((one.shifts, one.overlap) == (quality.shifts, 0.7))
        }
    }

    @Test func qualitiesDifferAndTheStandardIsTheReference() {
        #expect(Quality.standard == .balanced)
        #expect(JobOptions(shifts: Quality.balanced.shifts, overlap: Quality.balanced.overlap) == JobOptions())
        // Work: how often each second of a song is heard.
        let work = Quality.allCases.map { Double(max(1, $0.shifts)) / (1 - $0.overlap) }
        #expect(work[0] < work[1] && work[1] < work[2])
        #expect(Quality.allCases.filter(\.roundsProducts) == [.fast])
    }

    @Test func stemsAndMixesSurviveAsMetadata() throws {
        let options = try JobOptions(validating: [
            "stems": "vocals, drums", "mixes": "karaoke,rhythm=drums bass,rest=song-drums-bass", "keep-rate": "1",
            "sum_exact": "off",
        ])
        #expect(options.stems == ["vocals", "drums"])
        #expect(options.mixes.map(\.text) == ["karaoke", "rhythm=drums+bass", "rest=song-drums-bass"])
        #expect((options.keepRate, options.sumExact) == (true, false))
        #expect(try JobOptions(metadata: options.metadata) == options)
        #expect(try JSONDecoder().decode(JobOptions.self, from: JSONEncoder().encode(options)) == options)
        #expect(try JobOptions(validating: ["stems": "none", "mixes": "drumless"]).stems == [])
    }

    @Test(arguments: [
        ["stems": "vocals", "two_stems": "bass"], ["stems": "none"], ["sum_exact": "true", "format": "mp3"],
        ["sum_exact": "true", "stems": "vocals"], ["format": "stem.mp4", "mixes": "karaoke"],
        ["format": "stem.mp4", "two_stems": "bass"],
    ])
    func whatCannotBeHadTogetherIsRefused(options: [String: String]) throws {
        let error = try #require(throws: InvalidOption.self) { try JobOptions(validating: options) }
        #expect(error.description.hasSuffix("."))
        #expect(!error.description.contains(".."), "\(error.description)")
    }

    @Test(arguments: [
        (["stems": "guitar"], "the model starter has drums, vocals."),
        (["mixes": "x=guitar+drums"], "starter has drums, vocals."),
        (["mixes": "drums=song-vocals"], "drums is a stem of the model; give the mix another name."),
        (["format": "stem.mp4"], "it holds four stems, not 2; choose four with stems."),
        (["stems": "drums", "mixes": "karaoke"], nil),
    ])
    func stemsThatTheModelDoesNotHaveAreRefused(values: [String: String], said: String?) throws {
        let offers = OfferedModels(stems: ["starter": ["drums", "vocals"]], usual: "starter")
        var refused: String?
        do { try offers.check(JobOptions(validating: values)) } catch { refused = "\(error)" }
        #expect(refused?.hasSuffix(said ?? "nothing") ?? (said == nil), "\(refused ?? "accepted")")
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
        #expect(try RedisAddress(" redis://:s@h:1/2\n", environment: [:]).database == 2, "a Secret made with echo")
    }

    /// Whatever is wrong, no part of the address gets into the sentence: it may be a part of the password.
    @Test(arguments: [
        "", "h:1", "http://secret", "redis://", "redis://h/secret", "redis://:P@ss/secret#1%+=?:@h:6390/0",
        "redis://default:12/secret@h/0", "redis://default:12#secret@h", "redis://default:12?secret@h",
        "redis://:a:secret@h", "redis://:secret%zz@h", "redis://:sec ret@h", "redis://h:secret", "redis://h:70000",
        "redis://h/1/secret", "redis://h/1?secret",
    ])
    func wrongAddressesAreRefusedWithoutASecret(url: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try RedisAddress(url) }
        #expect(error.description.hasPrefix("REDIS_URL cannot be used: "))
        #expect(!error.description.contains("secret") && !error.description.contains("ss/"), "\(error)")
        if url.contains("@") { #expect(error.description.contains("percent-encode"), "\(error)") }
    }
}
