import Foundation
import FunctionHost
import HTTPTransport
import SeparationChoices
import ServiceContract
import TestSupport
import Testing

/// `openapi.yaml` says what the service does: no route, member, option, status or kind of problem is missing, and none too many.
@Suite(.serialized) struct OpenAPITests {
    private static let document = Places.repository.appending(path: "Sources/Foundations/COpenAPI/openapi.yaml").path
    private static let contract = Places.repository.appending(path: "Sources/Foundations/ServiceContract").path

    private static let scripts = Places.repository.appending(path: "Tests/FunctionTests/Contract")

    @Test func theDocumentIsWhatTheServiceIs() async throws {
        let folder = try TemporaryDirectory()
        let file = folder.path + "/service.json"
        try JSONEncoder.contract.encode(ServiceFacts()).write(to: URL(filePath: file))
        try await Program.run([
            "python3", Self.scripts.appending(path: "openapi_check.py").path,
            Self.document, file, Self.contract,
        ])
    }

    @Test func theHostServesTheDocument() async throws {
        try await withHost([EchoFunction()]) { host in
            let reply = try await host.get("/openapi.yaml")
            #expect(reply.status == 200)
            #expect(reply.headers["Content-Type"] == "application/yaml")
            #expect(try reply.body == Data(contentsOf: URL(filePath: Self.document)))
        }
    }

    @Test func anAddressIsSignedForNoBody() async throws {
        try await withStack { stack in
            let form = Data("--x\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\nflac\r\n--x--\r\n".utf8)
            let reply = try await stack.host.send(
                "POST", "/upload?presign=1", headers: ["Content-Type": "multipart/form-data; boundary=x"],
                body: .bytes(form))
            #expect(reply.status == 400)
            #expect(reply.problem == "bad-request")
        }
    }

    /// Requests that follow the document and such as do not, drawn at random by Schemathesis: every answer is one that the document
    /// has, and none a 5xx. First as the storage and everybody on an open host, then with a key.
    ///
    /// `MSAAS_API_EXAMPLES` is how many of them each operation gets: 2 unless told; 40 make some 2,000 requests.
    @Test(arguments: [false, true]) func noAnswerIsUndocumented(withKey: Bool) async throws {
        let examples = ProcessInfo.processInfo.environment["MSAAS_API_EXAMPLES"] ?? "2"
        let secret = APIKey.makeSecret()
        let keys = withKey ? KeyRing([try APIKey(name: "studio", secret: secret)]) : nil
        try await withStack(notifies: true, streamAge: .milliseconds(100), keys: keys) { stack in
            let (folder, report) = (Self.scripts, try TemporaryDirectory())
            // A worker that knows one song.
            let worker = Task {
                while !Task.isCancelled { _ = try? await RenditionTests.separate(stack, frames: 400) }
            }
            defer { worker.cancel() }
            let output = try await Program.run(
                [
                    "schemathesis", "--config-file", folder.appending(path: "schemathesis.toml").path, "run",
                    Self.document, "--url", stack.host.url, "--header",
                    "Authorization: Bearer \(withKey ? secret : Stack.token)", "--max-examples", examples, "--no-color",
                    "--phases", withKey ? "fuzzing,stateful" : "examples,coverage,fuzzing,stateful",
                ], environment: ["PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": folder.path], directory: report.path)
            print(output)
        }
    }
}

/// What the service says of itself.
private struct ServiceFacts: Encodable {
    let version = serviceVersion
    let routes: [String: [String]]
    let values: [String: [JSONText]]
    let enumerations = [
        "JobState": JobState.allCases.map(\.rawValue), "StemFormat": StemFormat.allCases.map(\.rawValue),
        "OtherMethod": OtherMethod.allCases.map(\.rawValue), "ClipMode": ClipMode.allCases.map(\.rawValue),
        "Quality": Quality.allCases.map(\.rawValue),
    ]
    let stemTypes = Set(StemFormat.allCases.map(\.contentType)).sorted()
    let defaults = [
        "StemFormat": JSONText(StemFormat.standard), "OtherMethod": JSONText(OtherMethod.standard),
        "ClipMode": JSONText(ClipMode.standard), "Bitrate": JSONText(SeparationDefaults.mp3Bitrate),
        "MP3Preset": JSONText(SeparationDefaults.mp3Preset), "Shifts": JSONText(SeparationDefaults.shifts),
        "Overlap": JSONText(SeparationDefaults.overlap), "Quality": JSONText(Quality.standard),
    ]
    // A quality is taken and becomes shifts and overlap.
    let options = (Self.everything.metadata.keys.map { $0.replacing("-", with: "_") } + ["quality"]).sorted()
    let problems = Dictionary(uniqueKeysWithValues: Problem.Kind.allCases.map { ($0.rawValue, $0.status) })

    private static let everything = JobOptions(
        model: "m", twoStems: "s", stems: ["s"], mixes: [StemMix("karaoke")].compactMap { $0 }, keepRate: true,
        sumExact: true, callback: "https://a.example/hook")

    init() throws {
        let host = ["/", "/healthz", "/readyz", "/metrics", "/openapi.yaml"]
        var routes = Dictionary(uniqueKeysWithValues: host.map { ($0, ["GET", "HEAD"]) })
        routes["/session"] = ["GET", "POST", "DELETE"]
        let functions = Places.repository.appending(path: "functions")
        for folder in try FileManager.default.contentsOfDirectory(at: functions, includingPropertiesForKeys: nil) {
            guard let manifest = try? Data(contentsOf: folder.appending(path: "function.yaml")) else { continue }
            for route in try FunctionManifest(yaml: Array(manifest)).routes {
                routes[route.path.description] = route.methods
            }
        }
        self.routes = routes
        let (job, now) = (JobID.random(), Date())
        let peaks = PeaksRecord(file: "studio/drums.dat", size: 28, eTag: "e")
        let shortRecord = StemRecord(
            name: "drums", file: "attempt-2/drums.wav", size: 3, eTag: "e", contentType: "audio/wav")
        var record = shortRecord
        (record.frames, record.peaks) = (1, peaks)
        let manifest = Manifest(
            job: job, model: "starter", filename: "a.mp3", duration: 1.5, sampleRate: 44100, stems: [record],
            original: record, separationSeconds: 2, warnings: ["w"], remainder: -30, owner: "studio", bucket: "queue",
            key: "k")
        var ownerless = manifest
        (ownerless.owner, ownerless.remainder, ownerless.bucket, ownerless.key) = (nil, nil, nil, nil)
        ownerless.original = nil
        var status = JobStatus(manifest)
        status.options = JobOptions(model: "starter", twoStems: "vocals")
        (status.position, status.etaSeconds, status.attempts, status.error) = (1, 2.5, 1, "e")
        (status.createdAt, status.startedAt, status.reason) = (now, now, "r")
        let plain = CallbackDelivery(id: "m", job: job, event: "job.done")
        var delivery = plain
        (delivery.status, delivery.reason, delivery.createdAt) = (500, "r", now)
        (delivery.lastTry, delivery.nextTry) = (now, now)
        status.callbacks = [delivery]
        let overview = CallbackOverview(secret: "whsec_x", failed: [delivery])
        let aside = AsideObject(bucket: "queue", key: "k", reason: "r", tries: 3, lastTry: now)
        let accepted = AcceptedSong(job: job, key: "k", state: .queued, position: 1)
        let ignored = IgnoredEvent(bucket: "queue", key: "k", job: job, reason: "r")
        let upload = AcceptedUpload(job: job, filename: "a.mp3", size: 3)
        let presigned = PresignedUpload(job: job, url: "http://h/queue/k?s", headers: ["a": "b"], expires: now)
        var session = SessionStatus(open: false)
        (session.owner, session.csrf) = ("studio", "c")
        let link = SharedLink(job: job, token: "t", expiresAt: now)
        let problem = ProblemDocument(
            type: "urn:msaas:problem:gone", title: "t", status: 410, detail: "d", requestID: "r",
            extensions: ["x": .int(1)])
        let shortProblem = ProblemDocument(
            type: "urn:msaas:problem:internal", title: "t", status: 500, detail: nil, requestID: "r")
        values = [
            "AcceptedUpload": [JSONText(upload), JSONText(upload)],
            "AcceptedUploads": [
                JSONText(AcceptedUploads(jobs: [upload])), JSONText(AcceptedUploads(jobs: [upload])),
            ],
            "OfferedModelList": [
                JSONText(OfferedModelList(OfferedModels(stems: ["a": ["drums"]], usual: "a"))),
                JSONText(OfferedModelList(nil)),
            ],
            "OfferedModel": [
                JSONText(OfferedModel(name: "a", stems: ["drums"], isUsual: true)),
                JSONText(OfferedModel(name: "b", stems: [], isUsual: false)),
            ],
            "PresignedUpload": [JSONText(presigned), JSONText(presigned)],
            "JobLinks": [JSONText(status.links), JSONText(JobLinks(job))],
            "JobOptions": [JSONText(Self.everything), JSONText(JobOptions())],
            "JobList": [JSONText(JobList(jobs: [status], next: "n", aside: [aside])), JSONText(JobList(jobs: []))],
            "CallbackDelivery": [JSONText(delivery), JSONText(plain)],
            "CallbackOverview": [JSONText(overview), JSONText(overview)],
            "SessionStatus": [JSONText(session), JSONText(SessionStatus(open: true))],
            "SharedLink": [JSONText(link), JSONText(link)],
            "JobStatus": [JSONText(status), JSONText(JobStatus(job, state: .uploaded, filename: "a.mp3"))],
            "Stem": [JSONText(status.stems[0]), JSONText(JobStatus.Stem(shortRecord, of: job))],
            "AsideObject": [JSONText(aside), JSONText(aside)],
            "JobProgress": [JSONText(JobProgress(progress: 0.5)), JSONText(JobProgress(progress: 1))],
            "JobRemoval": [JSONText(JobRemoval(job: job)), JSONText(JobRemoval(job: job))],
            "SeparateAnswer": [
                JSONText(SeparateAnswer(accepted: [accepted], ignored: [ignored])), JSONText(SeparateAnswer()),
            ],
            "AcceptedSong": [JSONText(accepted), JSONText(AcceptedSong(job: job, key: "k", state: .done))],
            "IgnoredEvent": [JSONText(ignored), JSONText(IgnoredEvent(reason: "r"))],
            "Manifest": [JSONText(manifest), JSONText(ownerless)],
            "StemRecord": [JSONText(record), JSONText(shortRecord)],
            "PeaksRecord": [JSONText(peaks), JSONText(peaks)],
            "Problem": [JSONText(problem), JSONText(shortProblem)],
        ]
    }
}

/// A value of any type among others.
private struct JSONText: Encodable {
    private let write: @Sendable (any Encoder) throws -> Void

    init(_ value: some Encodable & Sendable) { write = { try value.encode(to: $0) } }

    func encode(to encoder: any Encoder) throws { try write(encoder) }
}
