import Digests
import EnvironmentSettings
import ServiceContract
import Yams

/// A client that may call the functions: its name, the digest of its key, and how much it may ask for.
///
/// The key itself is 256 random bits, shown once when it is made and kept by nobody; its SHA-256 cannot be turned back
/// into it (a slow password hash is for words that people choose, which this is not).
public struct APIKey: Sendable, Equatable {
    /// What log lines call the client, and the owner of its jobs.
    public let name: String
    /// SHA-256 of the key as 64 hexadecimal digits.
    public let digest: String
    /// Names the key in what is given out; tells nothing of name and key.
    let id: String
    /// How often it may ask; nil for the host's own rate.
    public let rate: Rate?
    /// How many requests it may have open at once; nil for the host's own number.
    public var concurrency: Int?
    /// Whether it sees and may change everybody's jobs.
    public var isAdmin = false
    /// What it may have of the queue.
    public var quota = Quota()
    /// What each of its songs may take of a worker.
    public var budget = SongBudget()

    /// What an owner may have of the queue; nil for no limit.
    public struct Quota: Sendable, Equatable {
        /// How many songs of the owner are begun for one of an owner of weight 1.
        public var weight = 1
        /// Owners of a higher priority go first.
        public var priority = 0
        /// How many songs may wait.
        public var maxWaiting: Int?
        /// How many bytes of songs may come in within a day.
        public var bytesPerDay: Int?
        /// How many seconds of music may be separated within a day.
        public var secondsPerDay: Int?

        /// An owner like all others.
        public init() {}

        /// Whether there is something that can be used up.
        public var isLimited: Bool { maxWaiting != nil || bytesPerDay != nil || secondsPerDay != nil }
    }

    /// The client `name` with the key `secret`.
    ///
    /// - Throws: ``ConfigurationError`` when the name is not one.
    public init(name: String, secret: String, rate: Rate? = nil) throws {
        try self.init(name: name, digest: secret.sha256, rate: rate, place: "The key")
    }

    /// A new key: `msaas_` and 64 hexadecimal digits.
    public static func makeSecret() -> String { "msaas_" + String.randomHex(bytes: 32) }

    /// The client as an entry of the file that ``list(yaml:)`` reads.
    public var entry: String {
        let usual = Quota()
        let more: [(String, String?)] = [
            ("rate", rate?.description), ("concurrency", concurrency?.description), ("admin", isAdmin ? "true" : nil),
            ("weight", quota.weight == usual.weight ? nil : "\(quota.weight)"),
            ("priority", quota.priority == usual.priority ? nil : "\(quota.priority)"),
            ("maxWaiting", quota.maxWaiting?.description), ("bytesPerDay", quota.bytesPerDay?.description),
            ("secondsPerDay", quota.secondsPerDay?.description),
        ]
        return "- name: \(name)\n  sha256: \(digest)\n"
            + more.map { name, value in value.map { "  \(name): \($0)\n" } ?? "" }.joined()
    }

    /// Reads a list of clients, each with `name`, `sha256` and perhaps more:
    ///
    /// ```yaml
    /// - name: studio
    ///   sha256: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
    ///   rate: 20/s
    ///   concurrency: 16
    ///   admin: false
    ///   weight: 2
    ///   priority: 1
    ///   maxWaiting: 500
    ///   bytesPerDay: 20GiB
    ///   secondsPerDay: 36000
    ///   maxSongBytes: 200MiB
    ///   maxSongSeconds: 900
    ///   sampleRates: 8000-96000
    ///   maxWorkSeconds: 3600
    ///   maxStemBytes: 2GiB
    ///   maxDiskBytes: 4GiB
    ///   maxJobSeconds: 1800
    /// ```
    ///
    /// A list without entries, or a text without a list, lets nobody in.
    ///
    /// - Throws: ``ConfigurationError`` that names the entry and the field, and never a digest.
    public static func list(yaml: String) throws -> [APIKey] {
        guard yaml.utf8.count <= 1 << 20 else { throw ConfigurationError("The API keys are longer than 1 MiB.") }
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw ConfigurationError("The API keys are not YAML; write a list of entries with name and sha256.")
        }
        guard let root, root.null == nil else { return [] }
        guard let nodes = root.sequence else {
            throw ConfigurationError("The API keys are not a list; write entries with name and sha256.")
        }
        var keys: [APIKey] = []
        for (index, node) in nodes.enumerated() {
            let place = "Entry \(index + 1) of the API keys"
            var fields = try ManifestFields(node, at: place)
            keys.append(try APIKey(&fields, place: place))
            guard !keys.dropLast().contains(where: { $0.digest == keys[index].digest }) else {
                throw ConfigurationError("\(place) has the key of another entry; give each client a key of its own.")
            }
        }
        return keys
    }

    private init(_ fields: inout ManifestFields, place: String) throws {
        try fields.refuseOthers(known: [
            "name", "sha256", "rate", "concurrency", "admin", "weight", "priority", "maxWaiting", "bytesPerDay",
            "secondsPerDay", "maxSongBytes", "maxSongSeconds", "sampleRates", "maxWorkSeconds", "maxStemBytes",
            "maxDiskBytes", "maxJobSeconds",
        ])
        try self.init(
            name: fields.string("name"), digest: fields.string("sha256"), rate: fields.optional("rate", .rate),
            place: place)
        concurrency = try fields.optional("concurrency", .whole(1...100_000))
        isAdmin = try fields.optional("admin", .truth) ?? false
        quota.weight = try fields.optional("weight", .whole(1...100)) ?? 1
        quota.priority = try fields.optional("priority", .whole(-9...9)) ?? 0
        quota.maxWaiting = try fields.optional("maxWaiting", .whole(0...1_000_000))
        quota.bytesPerDay = try fields.optional("bytesPerDay", .size)
        quota.secondsPerDay = try fields.optional("secondsPerDay", .whole(0...1_000_000_000))
        budget.songBytes = try fields.optional("maxSongBytes", .size)
        budget.songSeconds = try fields.optional("maxSongSeconds", .number(1...864_000, of: "seconds"))
        budget.sampleRates = try fields.optional("sampleRates", .sampleRates)
        budget.workSeconds = try fields.optional("maxWorkSeconds", .number(1...8_640_000, of: "seconds"))
        budget.stemBytes = try fields.optional("maxStemBytes", .size)
        budget.diskBytes = try fields.optional("maxDiskBytes", .size)
        budget.jobSeconds = try fields.optional("maxJobSeconds", .number(1...864_000, of: "seconds"))
    }

    private init(name: String, digest: String, rate: Rate?, place: String) throws {
        guard name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._@-]{0,63}/) != nil else {
            throw ConfigurationError(
                "\(place): name is “\(name.prefix(64))”; use up to 64 letters, digits, dots, dashes, _ and @.")
        }
        guard digest.wholeMatch(of: /[0-9a-f]{64}/) != nil else {
            throw ConfigurationError(
                "\(place) (\(name)): sha256 is not 64 lower-case hexadecimal digits; make the entry with `msaas key`.")
        }
        self.name = name
        self.digest = digest
        id = String("key \(digest)".sha256.prefix(16))
        self.rate = rate
    }
}
