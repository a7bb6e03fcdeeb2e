import Evaluation
import Foundation
import HTTPTransport
import ServiceClient
import ServiceContract
import TestSupport
import Testing

/// The service as its users meet it: real processes, a real `redis-server`, real HTTP.
@Suite(.serialized) struct EndToEndTests {
    @Test func uploadBecomesStems() async throws {
        // What the reference reaches with the same model on the same song; see `make_scores.py` beside it.
        let scores = Places.repository.appending(path: "Tests/SeparationTests/Demo/reference_scores.json")
        let referenceSDR = try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: scores))
        try await RunningStack.run { stack in
            let folder = try TemporaryDirectory()
            // The reference's scores are those without shifts.
            let job = try await stack.client.upload(DemoSong.file, options: ["shifts": "0"])
            let status = try await stack.client.follow(job) { _ in }
            #expect(status.stems.map(\.name) == ["drums", "bass", "other", "vocals"])
            #expect(status.model == "starter")
            for stem in status.stems {
                let file = try await stack.client.download(stem, of: job, to: folder.url)
                let truth = Places.repository.appending(path: "models/starter/demo/\(stem.name).mp3")
                let sdr = try #require(try StemScore(estimate: file, truth: truth).sdr)
                #expect(abs(sdr - (referenceSDR[stem.name] ?? .infinity)) < 0.05, "\(stem.name): \(sdr) dB")
            }
            let zip = folder.url.appending(path: "stems.zip")
            try await stack.request("GET", "/fetch/\(job)/stems.zip").body.write(to: zip)
            let listing = try await Program.run(["unzip", "-t", zip.path])
            #expect(listing.contains("vocals.wav") && listing.contains("No errors detected"))
            let recent = try await stack.client.recent()
            #expect(recent.map(\.job) == [job])

            #expect(try await stack.request("DELETE", "/fetch/\(job)").status == 204)
            #expect(try await stack.request("GET", "/fetch/\(job)").status == 404)
            #expect(try await stack.objects(in: "queue").isEmpty)
            #expect(try await stack.objects(in: "output").isEmpty)
        }
    }

    @Test func objectCopiedIntoTheBucketBecomesStems() async throws {
        try await RunningStack.run { stack in
            let folder = try TemporaryDirectory()
            let clip = try await DemoSong.cut(seconds: 4, to: folder.url, name: "mein lied+é.mp3")
            _ = try await stack.run([
                "aws", "s3", "cp", clip.path, "s3://queue/some folder/", "--metadata", "format=flac,two-stems=vocals",
            ])
            let job = try await eventually("the notification") { try await stack.client.recent().first }
            #expect(job.filename == "mein lied+é.mp3")
            let status = try await stack.client.follow(job.job) { _ in }
            #expect(status.stems.map(\.name).sorted() == ["no_vocals", "vocals"])
            #expect(status.stems.allSatisfy { $0.contentType == "audio/flac" })
            let stems = try await stack.run(["aws", "s3", "ls", "s3://output/\(job.job)/"])
            #expect(stems.contains("manifest.json") && stems.contains("no_vocals.flac"))
        }
    }

    /// The requests that `k8s/README.md` has newcomers send.
    @Test func sampleRequestsGoThrough() async throws {
        try await RunningStack.run { stack in
            let folder = try TemporaryDirectory()
            let clip = try await DemoSong.cut(seconds: 4, to: folder.url)
            let script = Places.repository.appending(path: "k8s/sample-requests.sh").path
            let output = try await stack.run([script, stack.address.http, clip.path, folder.path])
            for answer in ["\ndone\n", "206 16 bytes", "urn:msaas:problem:invalid-option", "\n204\n"] {
                #expect(output.contains(answer), "\(output)")
            }
            #expect(try await Program.run(["flac", "-t", folder.path + "/vocals.flac"]).contains("ok"))
            #expect(try await stack.client.recent().isEmpty)
        }
    }

    @Test func killedWorkerLosesNothing() async throws {
        try await RunningStack.run(workers: 2, leaseSeconds: 2) { stack in
            let folder = try TemporaryDirectory()
            // Without shifts, which are drawn for each job.
            let undisturbed = try await stack.stems(
                of: DemoSong.file, in: folder.url.appending(path: "undisturbed"), options: ["shifts": "0"])
            let job = try await stack.client.upload(DemoSong.file, options: ["shifts": "0"])
            let worker = try await eventually("progress") {
                let status = try await stack.client.status(of: job)
                return status.state == .running && status.progress > 0.1 ? try await stack.worker(of: job) : nil
            }
            for process in stack.processes(with: "WORKER_ID=\(worker)") { kill(process, SIGKILL) }
            let status = try await stack.client.follow(job) { _ in }
            for stem in status.stems {
                let file = try await stack.client.download(stem, of: job, to: folder.url.appending(path: "disturbed"))
                #expect(try Data(contentsOf: file) == undisturbed[stem.name], "\(stem.name)")
            }
            #expect(status.stems.count == undisturbed.count)
        }
    }

    @Test func badInputIsRefusedWithASentence() async throws {
        try await RunningStack.run { stack in
            let folder = try TemporaryDirectory()
            let song = try await Data(contentsOf: DemoSong.cut(seconds: 2, to: folder.url))
            func upload(_ query: String, _ body: Data, _ headers: HTTPHeaders = [:]) async throws -> (Int, Problem) {
                let answer = try await stack.request(
                    "POST", "/upload?filename=a.mp3\(query)", headers: headers, body: .bytes(body))
                #expect(answer.headers["Content-Type"] == "application/problem+json")
                return (answer.status, try JSONDecoder().decode(Problem.self, from: answer.body))
            }
            let empty = try await upload("", Data())
            #expect(empty.0 == 400 && empty.1.detail.contains("empty"))
            let wrongOption = try await upload("&format=aac", song)
            #expect(wrongOption.0 == 400 && wrongOption.1.detail.contains("format"))
            let unknownOption = try await upload("&fromat=mp3", song)
            #expect(unknownOption.0 == 400 && unknownOption.1.detail.contains("fromat"))
            #expect(try await stack.objects(in: "queue").isEmpty)

            let missing = try await stack.request("GET", "/fetch/00000000000000000000000000000000")
            #expect(missing.status == 404 && missing.headers["Content-Type"] == "application/problem+json")
            #expect(try await stack.request("GET", "/fetch/..%2f..%2fetc").status == 404)

            let letter = try await upload("", Data("This is a letter, not a song.\n".utf8))
            #expect(letter.0 == 415 && letter.1.detail.contains("cannot be text"), "\(letter.1.detail)")
            #expect(try await stack.objects(in: "queue").isEmpty)
            #expect(try await stack.objects(in: "output").isEmpty)

            let truncated = try await stack.job(of: song.prefix(song.count * 2 / 3), named: "cut.mp3", in: folder.url)
            #expect(truncated.state == .done)
            #expect(try await stack.request("GET", "/fetch/\(truncated.job)/kazoo").status == 404)
            // The workers have said by now what they separate with.
            for (query, reason) in [("&model=no-such-model", "no-such-model"), ("&two_stems=kazoo", "kazoo")] {
                let refused = try await upload(query, song)
                #expect(refused.0 == 400 && refused.1.detail.contains(reason), "\(refused)")
            }
        }
    }

    @Test func nothingOutlivesTheStack() async throws {
        let left = LockedValue<[Int32]>([])
        try await RunningStack.run(workers: 2) { stack in
            let names = ["WORKER_ID=worker-1", "WORKER_ID=worker-2", "S3_ACCESS_KEY=msaas"]
            await left.set(
                try await eventually("all processes") {
                    let all = Set(names.flatMap(stack.processes))
                    return all.count >= 3 ? Array(all) : nil
                })
        }
        for process in await left.value { #expect(kill(process, 0) != 0) }
    }
}

private struct Problem: Decodable { let type: String, title: String, status: Int, detail: String }

private actor LockedValue<Value: Sendable> {
    private(set) var value: Value
    init(_ value: Value) { self.value = value }
    func set(_ new: Value) { value = new }
}

extension RunningStack {
    /// Separates a song without disturbance: the bytes of each stem.
    fileprivate func stems(of song: URL, in folder: URL, options: [String: String] = [:]) async throws -> [String: Data]
    {
        let job = try await client.upload(song, options: options)
        var stems: [String: Data] = [:]
        for stem in try await client.follow(job, update: { _ in }).stems {
            stems[stem.name] = try Data(contentsOf: try await client.download(stem, of: job, to: folder))
        }
        return stems
    }

    /// Uploads bytes as a file and waits for the job's end.
    fileprivate func job(of data: Data, named name: String, in folder: URL) async throws -> JobStatus {
        let file = folder.appending(path: name)
        try data.write(to: file)
        return try await client.follow(try await client.upload(file)) { _ in }
    }

    /// The worker that holds a job.
    fileprivate func worker(of job: JobID) async throws -> String? {
        let redis = try #require(URL(string: address.redis))
        let answer = try await Program.run([
            "redis-cli", "--no-auth-warning", "-p", String(redis.port ?? 0), "-a", redis.password ?? "", "HGET",
            "{msaas}:job:\(job)", "worker",
        ])
        let name = answer.trimmingCharacters(in: .whitespacesAndNewlines)
        return name.isEmpty ? nil : name
    }
}
