import ArgumentParser
import Foundation
import HTTPTransport
import LocalStack
import ObjectStorage

/// `msaas setup`: makes an S3 server ready for the service.
struct SetupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setup", abstract: "Create the buckets, their notification and their lifecycle on an S3 server.",
        discussion: """
            The server is S3_ENDPOINT, with S3_ACCESS_KEY, S3_SECRET_KEY, S3_REGION and S3_CA_FILE; the buckets are \
            MSAAS_QUEUE_BUCKET and MSAAS_OUTPUT_BUCKET. Waits until the server is up. May run any number of times: it \
            changes only what is not as it should be. `msaas up` does this by itself.
            """)

    @Option(help: "The webhook that starts separations, as the server calls it (MSAAS_WEBHOOK_ARN).")
    var webhookARN: String?

    @Option(help: "Days until songs are removed; 0 keeps them for ever (MSAAS_SONG_DAYS, 7).")
    var songDays: Int?

    @Option(help: "Days until stems are removed; 0 keeps them for ever (MSAAS_STEM_DAYS, 30).")
    var stemDays: Int?

    @Option(help: "Seconds to wait for the server.")
    var wait = 300

    func validate() throws {
        guard wait >= 0 else { throw ValidationError("--wait is \(wait); it must be 0 seconds or more.") }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        func text(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let arn = webhookARN ?? text("MSAAS_WEBHOOK_ARN") ?? BucketSetup.webhookARN
        let lifetimes = try Lifetimes(environment: environment, songs: songDays, stems: stemDays).values
        let configuration = try S3Configuration(environment: environment)
        var client = S3Client(configuration, transport: CurlTransport())
        client.retry.attempts = 1
        client.timeouts.connect = .seconds(5)
        let setup = BucketSetup(
            client: client, queue: text("MSAAS_QUEUE_BUCKET") ?? "queue",
            output: text("MSAAS_OUTPUT_BUCKET") ?? "output", arn: arn, lifetimes: lifetimes)
        do {
            let changes = try await setup.ensure(patience: .seconds(wait)) { say("waiting: \($0)") }
            for change in changes { say(change.description) }
            if changes.isEmpty { say("everything is as it should be") }
        } catch let error as S3Error where error.isUnknownTarget {
            throw CommandFailure(
                """
                The server at \(configuration.endpoint) has no webhook \(arn). On MinIO it is made by the variables \
                MINIO_NOTIFY_WEBHOOK_ENABLE_separate and MINIO_NOTIFY_WEBHOOK_ENDPOINT_separate, and MinIO prints \
                its ARN when it starts. Its answer: \(error)
                """)
        } catch {
            let isRefused = (error as? S3Error)?.status == 403
            throw CommandFailure(
                "The server at \(configuration.endpoint) cannot be set up: \(error)"
                    + (isRefused ? ". Check S3_ACCESS_KEY and S3_SECRET_KEY, and that they may change buckets." : ""))
        }
    }
}

/// How long songs and stems are kept, as flags and the environment say it.
struct Lifetimes {
    let values: BucketSetup.Lifetimes

    /// Reads `MSAAS_SONG_DAYS` (7) and `MSAAS_STEM_DAYS` (30); 0 keeps for ever.
    init(environment: [String: String], songs: Int? = nil, stems: Int? = nil) throws {
        func days(_ flag: Int?, _ name: String, _ usual: Int) throws -> Int? {
            let text = flag.map(String.init) ?? environment[name].flatMap { $0.isEmpty ? nil : $0 } ?? "\(usual)"
            guard let days = Int(text), (0...36_500).contains(days) else {
                throw CommandFailure(
                    "\(name) is “\(text.printable)”; it must be a number of days up to 36500, or 0.")
            }
            return days == 0 ? nil : days
        }
        values = BucketSetup.Lifetimes(
            songs: try days(songs, "MSAAS_SONG_DAYS", 7), stems: try days(stems, "MSAAS_STEM_DAYS", 30))
    }
}
