public import EnvironmentSettings
import HTTPTransport
public import ObjectStorage

/// Makes an S3 server ready for the service: both buckets, the notification that starts a separation, and how long songs and
/// stems are kept.
///
/// The two buckets are the service's own: their lifecycle configuration is replaced, and of their notifications the one of
/// this service.
public struct BucketSetup: Sendable {
    /// The webhook's name in the server's own configuration.
    public static let webhookID = "separate"
    /// The webhook as MinIO and our own server call it. One that was given a region has it after `sqs:`.
    public static let webhookARN = "arn:minio:sqs::\(webhookID):webhook"

    /// After how many days objects are removed; `nil` keeps them for ever.
    public struct Lifetimes: Sendable, Equatable {
        /// For songs. Longer than jobs are remembered makes no sense: by then nobody can ask for them.
        public var songs: Int?
        /// For stems and their manifests.
        public var stems: Int?

        /// Lifetimes in days.
        public init(songs: Int? = nil, stems: Int? = nil) {
            self.songs = songs
            self.stems = stems
        }
    }

    /// Something that was not as it should be, and is now.
    public enum Change: Sendable, Equatable, CustomStringConvertible {
        /// A bucket was created.
        case createdBucket(String)
        /// A bucket tells the webhook of new objects.
        case setNotification(bucket: String, arn: String)
        /// A bucket removes its objects after so many days; with `nil`, no more.
        case setLifetime(bucket: String, days: Int?)

        /// As in a log.
        public var description: String {
            switch self {
            case .createdBucket(let bucket): "created the bucket \(bucket)"
            case .setNotification(let bucket, let arn): "new objects in \(bucket) are told to \(arn)"
            case .setLifetime(let bucket, .some(let days)): "objects in \(bucket) are removed after \(days) days"
            case .setLifetime(let bucket, nil): "objects in \(bucket) are kept for ever"
            }
        }
    }

    private let client: S3Client
    private let queue: String
    private let output: String
    private let arn: String
    private let lifetimes: Lifetimes

    /// A setup of the server that `client` talks to.
    ///
    /// - Parameter arn: the webhook as the server calls it.
    public init(
        client: S3Client, queue: String = "queue", output: String = "output", arn: String = webhookARN,
        lifetimes: Lifetimes = Lifetimes()
    ) {
        self.client = client
        self.queue = queue
        self.output = output
        self.arn = arn
        self.lifetimes = lifetimes
    }

    /// Creates and changes what is not as it should be; may run any number of times.
    ///
    /// - Returns: what was done; nothing the second time.
    @discardableResult public func ensure() async throws -> [Change] {
        var changes: [Change] = []
        for (bucket, days) in [(queue, lifetimes.songs), (output, lifetimes.stems)] {
            if !(try await client.bucketExists(bucket)) {
                try await client.createBucket(bucket)
                changes.append(.createdBucket(bucket))
            }
            let rules = days.map { [ExpiryRule(id: "msaas", days: $0)] } ?? []
            if try await client.expiry(of: bucket) != rules {
                try await client.setExpiry(bucket, rules)
                changes.append(.setLifetime(bucket: bucket, days: days))
            }
        }
        let wanted = QueueConfiguration(id: Self.webhookID, arn: arn, events: ["s3:ObjectCreated:*"])
        let present = try await client.notification(of: queue)
        if !present.contains(wanted) {
            try await client.setNotification(queue, present.filter { $0.id != wanted.id && $0.arn != arn } + [wanted])
            changes.append(.setNotification(bucket: queue, arn: arn))
        }
        return changes
    }

    /// Does the same as soon as the server can: one that is starting up has no address yet, accepts no connections, answers 503,
    /// or does not know its webhooks yet.
    ///
    /// - Parameters:
    ///   - patience: how long to try.
    ///   - waiting: called with the reason when it is a new one.
    /// - Throws: the reason when the patience is spent, and at once what waiting cannot mend, such as wrong keys.
    public func ensure(
        patience: Duration, waiting: @Sendable (any Error) -> Void
    ) async throws -> [Change] {
        let deadline = ContinuousClock.now + patience
        var reason = ""
        while true {
            do {
                return try await ensure()
            } catch {
                guard Self.isTransient(error), ContinuousClock.now < deadline else { throw error }
                if "\(error)" != reason { waiting(error) }
                reason = "\(error)"
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private static func isTransient(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPError: error.isTransient
        case let error as S3Error: error.isTransient || error.isUnknownTarget
        default: false
        }
    }
}

extension S3Error {
    /// Whether it refuses a notification's target.
    public var isUnknownTarget: Bool { code == "InvalidArgument" && message.contains("ARN") }
}

/// What flags and the environment say of the buckets' setup.
public struct SetupSettings: Configurable {
    /// How long songs and stems are kept.
    public var lifetimes = BucketSetup.Lifetimes(songs: 7, stems: 30)
    /// The webhook that starts separations.
    public var webhookARN = BucketSetup.webhookARN

    /// A week, a month, and our own webhook.
    public static let usual = SetupSettings()

    /// The variables.
    public static var settings: [Setting<SetupSettings>] {
        [
            Setting("MSAAS_SONG_DAYS", \.lifetimes.songs, .days),
            Setting("MSAAS_STEM_DAYS", \.lifetimes.stems, .days),
            Setting("MSAAS_WEBHOOK_ARN", \.webhookARN, .text("the webhook as the storage calls it")),
        ]
    }

    /// A flag goes before its variable.
    public init(environment: [String: String], songs: Int? = nil, stems: Int? = nil) throws(ConfigurationError) {
        let flags = ["MSAAS_SONG_DAYS": songs.map(String.init), "MSAAS_STEM_DAYS": stems.map(String.init)]
        self = try .reading(environment.merging(flags.compactMapValues(\.self)) { $1 })
    }

    private init() {}
}

extension Form<Int?> {
    /// Days until something is removed; nil for never.
    fileprivate static var days: Form {
        Form("a number of days up to 36500, or 0 for never", show: { "\($0 ?? 0)" }) { text in
            guard let days = Int(text), (0...36_500).contains(days) else { return nil }
            return .some(days == 0 ? nil : days)
        }
    }
}
