import Foundation
import FunctionHost
import LocalStack
import TestSupport
import Testing

/// The studio in a real Chromium, over the whole service as `msaas up` starts it. What a person does stands in `Scenarios`, in Python.
@Suite(.serialized) struct StudioTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// Drop, progress, mixer, solo, mix.
    @Test func aSongIsDroppedAndMixed() async throws { try await play("song", workers: 1) }

    /// One clock for all stems: twins that cancel each other stay silent, and no sample is missing, over seeks and loops.
    @Test func allStemsRunOnOneClock() async throws { try await play("clock") }

    /// A song of ten minutes fits into little memory.
    @Test func aLongSongTakesLittleMemory() async throws { try await play("memory") }

    /// Refused files, lost connections, a service that restarts: a sentence, and on it goes.
    @Test func faultsAreToldAndOvercome() async throws { try await play("faults") }

    /// Every view, for whoever cannot see it, on a small phone, in light and dark.
    @Test func everyViewIsForEverybody() async throws { try await play("views") }

    /// A key opens the page, a link the mixer, for listening, until it expires.
    @Test func keysAndLinksLetIn() async throws {
        let secret = APIKey.makeSecret()
        try await play(
            "access",
            environment: [
                "STUDIO_KEY": secret, "MSAAS_API_KEYS": try APIKey(name: "anna", secret: secret).entry,
                "MSAAS_ALLOWED_ORIGINS": "http://127.0.0.1:\(try freePort())",
            ])
    }

    private func play(_ scenario: String, workers: Int = 0, environment: [String: String] = [:]) async throws {
        let data = folder.url.appending(path: "data")
        let log = folder.path + "/service.log"
        let msaas = Places.products.appending(path: "msaas").path
        let service = try ChildProcess(
            [msaas, "up", "--data", data.path, "--workers", "\(workers)", "--name", "starter"],
            environment: environment, output: log)
        try await eventually("the service is up") {
            guard service.isRunning else {
                throw TestFailure((try? String(contentsOfFile: log, encoding: .utf8)) ?? "the service did not start")
            }
            return (try? StackAddress.read(from: data))?.processID == service.processIdentifier
        }
        let address = try StackAddress.read(from: data)
        let variables = [
            "STUDIO_URL": address.http, "STUDIO_DATA": data.path, "STUDIO_SERVICE": String(service.processIdentifier),
            "AWS_ENDPOINT_URL": address.storage, "AWS_ACCESS_KEY_ID": address.accessKey,
            "AWS_SECRET_ACCESS_KEY": address.secretKey, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "1",
        ]
        let script = Places.repository.appending(path: "Tests/StudioTests/Scenarios/\(scenario).py")
        try await Program.run(["python3", script.path], environment: variables.merging(environment) { $1 })
        service.signal(SIGTERM)
        #expect(await service.wait() == 0)
    }
}
