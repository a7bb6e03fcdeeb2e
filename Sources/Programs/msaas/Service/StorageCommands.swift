import ArgumentParser
import EnvironmentSettings
import Foundation
import FunctionClients
import HTTPTransport
import LocalStack
import ObjectStorage
import ServiceLifecycle
import StorageServer
import Terminal

/// `msaas storage`: the S3 server of the one-machine mode alone, as `msaas up` starts it.
struct StorageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage", abstract: "Run only the S3 server of the one-machine mode.",
        discussion: """
            Speaks the part of MinIO's API that the service needs. The keys come from S3_ACCESS_KEY and S3_SECRET_KEY; \
            the webhook's bearer token, if any, from WEBHOOK_TOKEN.
            """)

    @Option(help: "The folder that holds buckets and objects.")
    var data: String

    @Option(help: "The address to bind to.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on.")
    var port = 9000

    @Option(help: "A target for bucket notifications, ID=URL; its ARN is arn:minio:sqs:REGION:ID:webhook.")
    var webhook: [String] = []

    @Option(
        help:
            "PEM file of the server's certificate; with --tls-key it speaks TLS. Both are read again when they change.")
    var tlsCertificate: String?

    @Option(help: "PEM file of its private key.")
    var tlsKey: String?

    @Option(help: "Bytes of the disk that uploads leave free (default: a twentieth of it, at most 1 GiB).")
    var keepFree: Int?

    @Option(help: "Bytes a second that a body must bring; 0: any.")
    var leastBodyRate = 1024

    @Option(help: "Open connections of one address, loopback aside; 0: any number.")
    var connectionsPerAddress = 256

    func validate() throws {
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("Give --tls-certificate and --tls-key together, or neither.")
        }
        guard keepFree ?? 0 >= 0, leastBodyRate >= 0, connectionsPerAddress >= 0 else {
            throw ValidationError("--keep-free, --least-body-rate and --connections-per-address cannot be negative.")
        }
    }

    func run() async throws {
        // A file that may not grow fails the write, not the process.
        signal(SIGXFSZ, SIG_IGN)
        let settings = try StorageSettings.reading(ProcessInfo.processInfo.environment)
        let targets = try webhook.map { text in
            guard let separator = text.firstIndex(of: "="), separator != text.startIndex else {
                throw CommandFailure("--webhook is \(text); it must be ID=URL.")
            }
            return WebhookTarget(
                id: String(text[..<separator]), endpoint: String(text[text.index(after: separator)...]),
                token: settings.token)
        }
        var configuration = StorageServer.Configuration(
            host: host, port: port, directory: URL(filePath: data, directoryHint: .isDirectory),
            accessKey: settings.accessKey, secretKey: settings.secretKey, region: settings.region, webhooks: targets)
        configuration.keptFree = keepFree
        configuration.origins = settings.origins
        configuration.connections.leastBodyRate = leastBodyRate
        configuration.connections.perAddress = connectionsPerAddress
        if let tlsCertificate, let tlsKey { configuration.certificate = (tlsCertificate, tlsKey) }
        let server = StorageServer(configuration: configuration, logger: try commandLogger())
        try await ServiceGroup(
            services: [server], gracefulShutdownSignals: endingSignals, logger: try commandLogger()
        ).run()
    }
}

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
        let settings = try SetupSettings(environment: environment, songs: songDays, stems: stemDays)
        let buckets = try BucketSettings.reading(environment)
        let arn = webhookARN ?? settings.webhookARN
        let configuration = try S3Configuration(environment: environment)
        var client = S3Client(configuration, transport: CurlTransport())
        client.retry.attempts = 1
        client.timeouts.connect = .seconds(5)
        let setup = BucketSetup(
            client: client, queue: buckets.queue, output: buckets.output, arn: arn, lifetimes: settings.lifetimes)
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

/// `msaas events`: the bucket events that the storage gave up, and another try for them.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show the bucket events that were set aside, and send them again.",
        discussion: """
            An event that its target refuses again and again is set aside, so that others do not wait behind it. This is for \
            the storage of the one-machine mode; MinIO keeps its own queue. The storage's address and keys come from \
            S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY (`eval "$(msaas env)"`).
            """)

    @Flag(help: "Send the events again.")
    var retry = false

    @Flag(help: "Drop the events.")
    var forget = false

    @Argument(help: "Ids of events; all unless given.")
    var ids: [String] = []

    func validate() throws {
        guard !(retry && forget) else { throw ValidationError("Give --retry or --forget, not both.") }
    }

    func run() async throws {
        let configuration = try S3Configuration(environment: ProcessInfo.processInfo.environment)
        let client = S3Client(configuration, transport: CurlTransport())
        if retry {
            say("\(try await client.retryEvents(ids)) sent again")
        } else if forget {
            say("\(try await client.forgetEvents(ids)) dropped")
        } else {
            let events = try await client.eventsSetAside().filter { ids.isEmpty || ids.contains($0.id) }
            for event in events {
                let since = event.since.map { $0.formatted(.iso8601) } ?? "-"
                let words = [
                    event.id, since, event.target, event.event, event.key, "\(event.attempts) tries", event.reason,
                ]
                say(words.joined(separator: "  ").printable)
            }
            if events.isEmpty { say("no event is set aside") }
        }
    }
}
