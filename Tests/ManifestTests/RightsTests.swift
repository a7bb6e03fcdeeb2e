import Foundation
import HTTPTransport
import Jobs
import Kubernetes
import KubernetesDouble
import NIOCore
import ServiceContract
import Streams
import Synchronization
import TestSupport
import Testing

/// Each role may do what it does and nothing else: its user in Redis, its policy in the storage.
@Suite(.serialized) struct RightsTests {
    /// Every role does all that it does, with its own rights.
    @Test func everyRoleCanDoItsWork() async throws {
        let cluster = ClusterDouble()
        try cluster.put(
            .deployments,
            [
                "metadata": ["name": "worker"],
                "spec": [
                    "replicas": 1, "selector": ["matchLabels": ["app": "worker"]],
                    "template": [
                        "metadata": ["labels": ["app": "worker"]],
                        "spec": ["containers": [["name": "worker", "resources": ["requests": ["memory": "600Mi"]]]]],
                    ],
                ],
            ])
        cluster.accept(token: "autoscaler", user: "autoscaler")
        try await DoubleServer.with(cluster) { server in
            let house = try await Household(cluster: server)
            try await Self.useEverything(house)
            try await Self.callEverything(house)

            // Nobody was refused anything.
            let refused = try await house.command("admin", ["ACL", "LOG"])
            #expect(refused.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty, "\(refused)")
            #expect(!house.log.contains("NOPERM"), "\(house.log)")

            for role in Household.roles {
                let policy = try StoragePolicy(of: role)
                var used: Set<StoragePolicy.Right> = []
                for request in house.requests(of: role) {
                    for action in try StoragePolicy.actions(of: request) {
                        let right = policy.right(to: action)
                        #expect(right != nil, "\(role) does \(action) (\(request)), which its policy does not allow")
                        if let right { used.insert(right) }
                    }
                }
                let unused = policy.rights.subtracting(used).subtracting(Self.afterFailures[role] ?? [])
                #expect(unused == [], "\(role) is allowed what it does not do")
            }
            try await Self.tryWhatIsNotTheirs(house)
        }
    }

    /// The script of the setup Job, with a client that writes down what it is asked: each role gets its own policy, and no key is
    /// where other processes see it.
    @Test func theStoragesUsersAreMade() async throws {
        let folder = try TemporaryDirectory()
        let client = folder.url.appending(path: "mc")
        try """
        #!/bin/sh
        echo "$@" >> "$CALLS"
        case "$2 $3" in
            "user add") cat >> "$CALLS" ;;
            "user info") [ "$5" = msaas-fetch ] && echo "PolicyName: msaas-fetch" ;;
        esac
        exit 0
        """.write(to: client, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: client.path)
        let calls = folder.path + "/calls"
        let rendering = try await Rendering("base")
        let setup = try rendering.object("Job", "setup")
        let environment = try rendering.environment(of: setup, setup.initContainers[0]).values
        _ = try await Program.run(
            ["sh", Project.root.appending(path: "k8s/base/storage/users.sh").path],
            environment: environment.merging([
                "PATH": "\(folder.path):/usr/bin:/bin", "CALLS": calls,
            ]) { $1 })
        let lines = try String(contentsOfFile: calls, encoding: .utf8).split(separator: "\n").map(String.init)
        for role in Household.roles {
            let key = try #require(environment["KEY_\(role)"])
            let file = Project.root.appending(path: "k8s/base/storage/\(role).json").path
            #expect(lines.contains("admin policy create minio msaas-\(role) \(file)"))
            let add = try #require(lines.firstIndex(of: "admin user add minio"))
            #expect(lines[(add + 1)...].contains("msaas-\(role)") && lines.contains(key))
            #expect(!lines.contains { $0.hasPrefix("admin") && $0.contains(key) })
            let attaches = lines.contains("admin policy attach minio msaas-\(role) --user msaas-\(role)")
            #expect(attaches == (role != "fetch"), "what is as it should be is not changed")
        }
    }

    /// No pod but MinIO and the Job that makes the users has the root's key, and nobody has another role's: where KEDA scales,
    /// what answers it is in the autoscaler's place.
    @Test(arguments: Rendering.names)
    func nobodyHasAnothersKey(name: String) async throws {
        let rendering = try await Rendering(name)
        for workload in rendering.workloads {
            for container in workload.containers {
                let sources = try rendering.environment(of: workload, container).sources
                let secrets = sources.compactMap { $0.hasPrefix("Secret ") ? String($0.dropFirst(7)) : nil }
                for secret in secrets where secret == "storage" { #expect(workload.name == "minio") }
                for secret in secrets where secret.hasPrefix("storage-") || secret.hasPrefix("redis-") {
                    let owner = secret == "redis-users" ? "redis" : String(secret.split(separator: "-")[1])
                    let user = workload.name == "keda-scaler" ? "autoscaler" : workload.name
                    #expect(user == owner, "\(workload.title) has \(secret)")
                }
            }
        }
    }

    /// A release names what was pushed by its digest, and so the rendering has no image that could be moved.
    @Test func aReleaseIsWrittenDown() async throws {
        let folder = try TemporaryDirectory()
        _ = try await Program.run(["cp", "-r", Project.folder("k8s").path, folder.path + "/k8s"])
        let docker = folder.url.appending(path: "docker")
        try """
        #!/bin/sh
        echo "$@" >> "\(folder.path)/calls"
        [ "$1" = inspect ] || exit 0
        shift 3
        echo "other.example/image@sha256:$(printf %064d 7)"
        echo "${1%:*}@sha256:$(printf %s "$1" | sha256sum | cut -c1-64)"
        """.write(to: docker, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: docker.path)
        let path = "\(folder.path):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"
        for version in ["1.2.3", "1.2.4"] {
            _ = try await Program.run(
                [
                    folder.path + "/k8s/release.sh", "registry.example/a/", version, "function-host", "worker",
                    "autoscaler", "msaas",
                ],
                environment: ["PATH": path])
        }
        let text = try await Program.run(["kubectl", "kustomize", folder.path + "/k8s/overlays/gke"])
        let images = text.matches(of: /image: (\S+)/).map { String($0.1) }
        #expect(images.count >= 9)
        for image in images {
            #expect(image.wholeMatch(of: /\S+@sha256:[0-9a-f]{64}/) != nil && !image.contains("0000000"), "\(image)")
        }
        #expect(images.contains { $0.hasPrefix("registry.example/a/worker@") })
        #expect(
            try String(contentsOfFile: folder.path + "/calls", encoding: .utf8).contains(
                "push registry.example/a/worker:1.2.4"))
    }

    /// What is done only when something went wrong, which this run does not have.
    private static let afterFailures: [String: Set<StoragePolicy.Right>] = [
        // Mixes that are kept: the trial worker's stems are no music to be mixed.
        "fetch": [
            .init("s3:PutObject", "output/*/mixes/*"), .init("s3:AbortMultipartUpload", "output/*/mixes/*"),
        ],
        "separate": [
            // Stems of dead jobs; songs whose job Redis has forgotten.
            .init("s3:DeleteObject", "output/*"), .init("s3:ListBucket", "output"), .init("s3:GetObject", "output/*"),
        ],
        // Stems of attempts that came to nothing; uploads in parts that broke off.
        "worker": [
            .init("s3:DeleteObject", "output/*"), .init("s3:AbortMultipartUpload", "output/*"),
            .init("s3:ListBucket", "output"),
        ],
    ]

    private static func useEverything(_ house: Household) async throws {
        // What the trial worker takes for a song, and the upload for no text.
        let song = Data("music\u{0}\u{1}".utf8)
        func job(_ answer: (status: Int, body: Data)) throws -> JobID {
            guard answer.status == 202 else {
                throw TestFailure("\(answer.status) \(String(decoding: answer.body, as: UTF8.self)) \(house.log)")
            }
            return try JSONDecoder().decode(AcceptedUpload.self, from: answer.body).job
        }
        let first = try job(
            await house.send("POST", "upload", "/upload?filename=a.mp3", body: .bytes(song)))
        try await house.done(first)
        // Sent again, as one that lost the answer does.
        for _ in 0..<2 {
            let again = try await house.send(
                "POST", "upload", "/upload?filename=again.mp3", headers: ["Idempotency-Key": "again"],
                body: .bytes(song))
            #expect(again.status == 202)
        }
        // In parts, since nobody knows its length; then one whose sender goes away.
        let pieces = (0..<7).map { _ in ByteBuffer(repeating: UInt8(ascii: "m"), count: 1 << 20) }
        let whole = [ByteBuffer(bytes: song)] + pieces
        let second = try job(
            await house.send("POST", "upload", "/upload", body: .stream(.of(whole), length: nil)))
        try await house.done(second)
        await #expect(throws: (any Error).self) {
            _ = try await house.send("POST", "upload", "/upload", body: .stream(.of(whole, breaks: true), length: nil))
        }
        try await eventually("the parts are taken back") {
            house.requests(of: "upload").contains { $0.hasPrefix("DELETE ") }
        }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        let presigned = try decoder.decode(
            PresignedUpload.self, from: await house.send("POST", "upload", "/upload?presign=1&filename=c.mp3").body)
        var headers = HTTPHeaders()
        for (name, value) in presigned.headers { headers.add(name, value) }
        #expect(
            try await house.send("PUT", url: presigned.url, headers: headers, body: .bytes(song)).status
                == 200)
        try await house.done(presigned.job)
        // What is no song: the job fails, and may be tried again.
        let third = try job(await house.send("POST", "upload", "/upload", body: .bytes(Data([1, 2, 3, 0, 255]))))
        try await eventually("it has failed") {
            String(decoding: try await house.get("fetch", "/fetch/\(third)").body, as: UTF8.self).contains("\"failed\"")
        }
        for path in [
            "/fetch", "/fetch?state=done", "/fetch/\(first)", "/fetch/\(first)/drums", "/fetch/\(first)/stems.zip",
        ] {
            #expect(try await house.get("fetch", path).status == 200, "\(path)")
        }
        #expect(try await house.get("callbacks", "/callbacks").status == 200)
        for job in [first, third] { #expect(try await house.send("DELETE", "fetch", "/fetch/\(job)").status == 204) }
        try await eventually("the bucket was searched") {
            house.requests(of: "separate").contains { $0.hasPrefix("GET /queue?") || $0.hasPrefix("GET /queue/?") }
        }
        try await eventually("the autoscaler has decided") {
            try await house.command("admin", ["HGETALL", "{msaas}:autoscaler"]).contains("replicas")
        }
    }

    /// The calls of the queue that only trouble brings about, each as the role that makes it.
    private static func callEverything(_ house: Household) async throws {
        house.endWorker()
        let upload = try house.queue("upload")
        let (separate, fetch) = (try house.queue("separate"), try house.queue("fetch"))
        let callbacks = try house.queue("callbacks")
        let (worker, autoscaler) = (try house.queue("worker"), try house.queue("autoscaler"))
        func enqueued(_ name: String) async throws -> Job {
            let write = ObjectWrite(bucket: "queue", key: "\(JobID.random())/\(name)", eTag: name, size: 5)
            let options = JobOptions(callback: "https://127.0.0.1:1/hook")
            let job = Job(write: write, options: options, owner: "studio")
            _ = try await separate.enqueue(job, under: OwnerPolicy(maxWaiting: 10))
            return job
        }
        func claimed() async throws -> Claim { try #require(try await worker.claim(worker: "w", wait: .seconds(10))) }

        // Through all that can happen to an attempt, to the end.
        _ = try await enqueued("a")
        var claim = try await claimed()
        #expect(try await worker.renew(claim) == .held)
        #expect(try await worker.report(claim, progress: 0.5, audioSeconds: 10) == .held)
        #expect(try await worker.fail(claim, reason: "It broke.", retry: true) == .queued)
        claim = try await claimed()
        try await worker.giveBack(claim)
        claim = try await claimed()
        try await worker.giveBack(claim, .noRoom(reason: "There was no room."))
        claim = try await claimed()
        let manifest = Manifest(
            job: claim.job.id, model: "m", filename: "a", duration: 10, sampleRate: 44100, stems: [],
            separationSeconds: 1)
        #expect(try await worker.seal(claim, manifest: manifest) == .held)
        _ = try await worker.unpublished()
        #expect(try await worker.commit(claim, manifest: manifest) == .held)

        // Its callback hears of it, is given up, and asked for again.
        try await eventually("the sender has tried") {
            try await fetch.outlook(for: claim.job.id)?.callbacks.first?.tries == 1
        }
        for message in try await callbacks.takeCallbacks(limit: 10, for: .seconds(60)) {
            try await callbacks.putOffCallback(message.id, for: .seconds(60))
            try await callbacks.settleCallback(message.id, CallbackTry(.failed, body: "{}"))
        }
        try await eventually("it is given up") {
            for message in try await callbacks.takeCallbacks(limit: 10, for: .milliseconds(1)) {
                try await callbacks.settleCallback(message.id, CallbackTry(.failed, body: "{}"))
            }
            return try await callbacks.failedCallbacks(of: .all).count == 1
        }
        #expect(try await fetch.resendCallbacks(of: claim.job.id).count == 1)

        // A lost worker's job, found by whoever looks; cancelled, removed.
        let lost = try await enqueued("b")
        _ = try await claimed()
        try await eventually("it is recovered") {
            _ = try await separate.recover()
            _ = try await worker.recover()
            return try await fetch.job(lost.id)?.state == .queued
        }
        _ = try await fetch.cancel(lost.id)
        try await fetch.remove(lost.id)
        _ = try await separate.reject(
            Job(write: ObjectWrite(bucket: "queue", key: "c", eTag: "c")), reason: "Its options are wrong.")
        for _ in 0..<5 { try await separate.setAside("queue", "d", reason: "It cannot be read.") }
        #expect(try await separate.isAside("queue", "d"))
        #expect(try await fetch.listAside(limit: 10).count == 1)
        try await separate.settleAside("queue", "d")
        _ = try await separate.takeTurn(at: "sweep", every: .seconds(1))
        try await separate.note(ObjectWrite(bucket: "queue", key: "e", eTag: "e"), as: .random())

        for queue in [upload, separate, fetch, callbacks, worker, autoscaler] { _ = try await queue.health() }
        _ = try await upload.quota(of: "studio", under: OwnerPolicy(maxWaiting: 10), bytes: 5)
        _ = try await upload.offers()
        _ = try await fetch.eventLog().events(after: .zero, limit: 10)
        try await worker.publish(OfferedModels(stems: ["m": ["a"]], usual: "m"))
        try await RedisAutoscalerBoard(queue: autoscaler).requestDrain("w", by: .autoscaler)
        try await RedisAutoscalerBoard(queue: worker).withdrawDrain("w")
        try await worker.forget(worker: "w")
    }

    /// Another's keys and commands.
    private static func tryWhatIsNotTheirs(_ house: Household) async throws {
        let everywhere = [
            ["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["SCAN", "0"], ["SHUTDOWN"], ["ACL", "LIST"],
            ["MONITOR"],
            ["REPLICAOF", "NO", "ONE"], ["SET", "elsewhere", "1"], ["GET", "elsewhere"],
            ["FUNCTION", "LIST"], ["SCRIPT", "FLUSH"], ["CLIENT", "LIST"], ["SAVE"], ["PUBLISH", "a", "b"],
        ]
        let id = JobID.random()
        let own: [String: [[String]]] = [
            "upload": [
                ["HSET", "{msaas}:job:\(id)", "state", "done"], ["DEL", "{msaas}:queue"],
                ["ZADD", "{msaas}:queue", "1", "a"],
                ["HSET", "{msaas}:autoscaler", "control", "pause"], ["XADD", "{msaas}:events", "*", "a", "b"],
            ],
            "autoscaler": [
                ["HSET", "{msaas}:job:\(id)", "state", "done"], ["DEL", "{msaas}:queue"],
                ["ZADD", "{msaas}:leases", "1", "a"],
            ],
            "separate": [
                ["HSET", "{msaas}:autoscaler", "control", "pause"], ["HSET", "{msaas}:drain", "w", "operator"],
            ],
            "fetch": [["HSET", "{msaas}:autoscaler", "control", "pause"], ["HSET", "{msaas}:workers", "w", "{}"]],
            "callbacks": [
                ["HSET", "{msaas}:job:\(id)", "state", "done"], ["ZADD", "{msaas}:queue", "1", "a"],
                ["XADD", "{msaas}:events", "*", "a", "b"],
            ],
            "worker": [["HSET", "{msaas}:autoscaler", "control", "pause"]],
            "probe": [["GET", "{msaas}:offers"], ["EVAL", "return 1", "0"]],
        ]
        for (user, commands) in own {
            for words in commands + everywhere {
                let answer = try await house.command(user, words)
                #expect(answer.contains("NOPERM"), "\(user) may \(words.joined(separator: " ")): \(answer)")
            }
        }
        #expect(try await house.command("default", ["PING"]).contains("NOAUTH"))
        #expect(try await house.command("probe", ["PING"]).contains("PONG"))
    }
}

extension ByteStream {
    /// These pieces, then the end or an error.
    fileprivate static func of(_ pieces: [ByteBuffer], breaks: Bool = false) -> ByteStream {
        let rest = Mutex(pieces)
        return ByteStream(next: {
            let next = rest.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            if next == nil, breaks { throw TestFailure("the sender goes away") }
            return next
        })
    }
}
