import Streams
import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ServiceContract
import TestSupport
import Testing

@Suite struct UploadTests {
    static let song = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 131) })

    static func form(_ fields: [(String, String)], file: Data?, name: String = "my song.mp3", after: String = "")
        -> HTTPBody
    {
        var body = Data()
        for (name, value) in fields {
            body += Data("--XX\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
        }
        if let file {
            body += Data("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\r\n\r\n".utf8)
            body += file + Data("\r\n".utf8)
        }
        return .bytes(body + Data("\(after)--XX--\r\n".utf8))
    }

    static let formType: HTTPHeaders = ["Content-Type": "multipart/form-data; boundary=XX"]

    @Test func rawBodiesAreStoredWithTheirOptions() async throws {
        try await withStack { stack in
            let reply = try await stack.host.send(
                "POST", "/upload?filename=..%2F%C3%A9+x.mp3&format=mp3&two_stems=vocals&shifts=3",
                body: .bytes(Self.song))
            #expect(reply.status == 202)
            let id = try #require(reply.json["job"])
            #expect(JobID(id) != nil)
            #expect(reply.headers["Location"] == "/fetch/\(id)")
            #expect(reply.json["state"] == "uploaded")
            #expect(try await stack.keys("queue") == ["\(id)/é x.mp3"])
            let object = try await stack.storage.get("queue", "\(id)/é x.mp3")
            #expect(try await object.body.collect(limit: 1 << 20) == Self.song)
            #expect(object.head.contentType == "audio/mpeg")
            let options = ["format": "mp3", "two-stems": "vocals", "shifts": "3"]
            #expect(object.head.metadata.filter { options[$0.key] != nil } == options)
            let status = try await stack.host.get("/fetch/\(id)").json
            #expect(status["state"] == "uploaded" && status["filename"] == "é x.mp3")
        }
    }

    @Test func namesComeFromHeadersOrTheType() async throws {
        try await withStack { stack in
            let cases: [(HTTPHeaders, String)] = [
                (["X-Filename": "a%20b.wav"], "a b.wav"),
                (["Content-Disposition": "attachment; filename*=UTF-8''%C3%BC.ogg"], "ü.ogg"),
                (["Content-Type": "audio/flac"], "song.flac"),
                (["Content-Type": "application/x-www-form-urlencoded"], "song"),
            ]
            for (headers, name) in cases {
                let reply = try await stack.host.send("POST", "/upload", headers: headers, body: .bytes(Self.song))
                #expect(reply.json["filename"] == name)
            }
        }
    }

    @Test func bodiesOfUnknownLengthAreStored() async throws {
        try await withStack { stack in
            let long = Data(count: 20 << 20)
            let reply = try await stack.host.send(
                "POST", "/upload?filename=long.wav", body: .stream(ByteStream(long), length: nil))
            #expect(reply.status == 202)
            let id = try #require(reply.json["job"])
            #expect(try await stack.storage.head("queue", "\(id)/long.wav")?.size == long.count)
        }
    }

    @Test func formsAreStored() async throws {
        try await withStack { stack in
            for size in [1, 300_000, 9 << 20] {
                let file = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 13) })
                let reply = try await stack.host.send(
                    "POST", "/upload?shifts=2", headers: Self.formType,
                    body: Self.form(
                        [("model", "starter"), ("clip-mode", "clamp")], file: file, name: "a \\\"b\\\" é.mp3"))
                #expect(reply.status == 202, "\(reply.text)")
                let id = try #require(reply.json["job"])
                let object = try await stack.storage.get("queue", "\(id)/a \"b\" é.mp3")
                #expect(try await object.body.collect(limit: 1 << 24) == file)
                #expect(object.head.metadata["model"] == "starter")
                #expect(object.head.metadata["clip-mode"] == "clamp")
                #expect(object.head.metadata["shifts"] == "2")
            }
        }
    }

    /// Many clients send the file first. With Redis away, since the options must be as safe as the song.
    @Test(arguments: [300_000, 9 << 20], [true, false])
    func optionsAfterTheFileCount(_ size: Int, _ isChunked: Bool) async throws {
        let late =
            "--XX\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\nflac\r\n"
            + "--XX\r\nContent-Disposition: form-data; name=\"two_stems\"\r\n\r\nvocals\r\n"
        let file = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 29) })
        try await withStack(notifies: true) { stack in
            stack.redis.kill()
            var body = Self.form([("shifts", "2")], file: file, after: late)
            if isChunked, case .bytes(let data) = body { body = .stream(ByteStream(data), length: nil) }
            let reply = try await stack.host.send("POST", "/upload", headers: Self.formType, body: body)
            #expect(reply.status == 202, "\(reply.text)")
            let id = try #require(reply.json["job"])
            let object = try await stack.storage.get("queue", "\(id)/my song.mp3")
            #expect(try await object.body.collect(limit: 1 << 24) == file)
            let status = try await stack.host.get("/fetch/\(id)")
            #expect(status.json["state"] == "uploaded")
            #expect(status.json["filename"] == "my song.mp3")
            for option in ["\"format\":\"flac\"", "\"twoStems\":\"vocals\"", "\"shifts\":2"] {
                #expect(status.text.contains(option), "\(status.text)")
            }
        }
        try await withStack(notifies: true) { stack in
            let body = Self.form([("shifts", "2")], file: file, after: late)
            let reply = try await stack.host.send("POST", "/upload", headers: Self.formType, body: body)
            let id = try #require(reply.json["job"])
            try await eventually("it is queued") { try await stack.job(id)?.state == .queued }
            let options = try #require(try await stack.job(id)).options
            #expect((options.format, options.twoStems, options.shifts) == (.flac, "vocals", 2))
            #expect(try await stack.queue.depth().waiting == 1)
            #expect(try await stack.host.send("DELETE", "/fetch/\(id)").status == 204)
            #expect(try await stack.isEmpty("queue"))
        }
    }

    @Test func whatIsEmptyCountsAsNotGiven() async throws {
        let submit = "--XX\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\n\r\n"
        let control = "--XX\r\nContent-Disposition: form-data; name=\"other\"; filename=\"\"\r\n\r\n\r\n"
        try await withStack { stack in
            let reply = try await stack.host.send(
                "POST", "/upload?model=", headers: Self.formType,
                body: Self.form([("two_stems", ""), ("x", "")], file: Self.song, after: submit + control))
            #expect(reply.status == 202, "\(reply.text)")
            let id = try #require(reply.json["job"])
            let metadata = try #require(try await stack.storage.head("queue", "\(id)/my song.mp3")).metadata
            #expect((metadata["two-stems"], metadata["model"]) == (nil, nil))
        }
    }

    @Test func formsWithoutALineEndAtTheirEndAreStored() async throws {
        let file = Data(count: 7 << 20)
        let head = "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.wav\"\r\n\r\n"
        try await withStack { stack in
            for end in ["\r\n--XX--", "\r\n--XX--\r\n\r\nepilogue"] {
                let reply = try await stack.host.send(
                    "POST", "/upload", headers: Self.formType,
                    body: .bytes(Data(head.utf8) + file + Data(end.utf8)))
                #expect(reply.json["size"] == "\(file.count)", "\(reply.text)")
            }
        }
    }

    @Test func whatIsNoSongIsRefusedAtOnce() async throws {
        try await withStack { stack in
            for headers: String in [
                "Content-Type: application/json", "Content-Type: text/html; charset=utf-8", "Content-Encoding: gzip",
                "Content-Type: multipart/mixed; boundary=x",
            ] {
                let connection = try RawConnection(port: stack.host.port)
                try await connection.send(
                    "POST /upload HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\nContent-Length: 1000000\r\n\r\n")
                #expect(try await connection.receive().contains("unsupported-media-type"))
            }
            let text = try await stack.host.send(
                "POST", "/upload", headers: ["Content-Type": "application/x-www-form-urlencoded"],
                body: .bytes(Data("a=b".utf8)))
            #expect((text.status, text.problem) == (415, "unsupported-media-type"))
            #expect(try await stack.isEmpty("queue"))
        }
    }

    @Test func whatIsNoSongIsRefusedByItsFirstBytes() async throws {
        try await withStack { stack in
            let picture = Data([0xff, 0xd8, 0xff, 0xe0]) + Self.song
            let twin = Data([0x00, 0x05, 0x16, 0x07]) + Data(count: 100)
            for (bytes, kind) in [(picture, "a JPEG picture"), (twin, "a macOS resource file")] {
                let sent: [(HTTPHeaders, HTTPBody)] = [
                    (HTTPHeaders(), .bytes(bytes)), (Self.formType, Self.form([("format", "flac")], file: bytes)),
                ]
                for (headers, body) in sent {
                    let reply = try await stack.host.send("POST", "/upload", headers: headers, body: body)
                    #expect((reply.status, reply.problem) == (415, "unsupported-media-type"))
                    #expect(reply.json["detail"]?.contains(kind) == true)
                }
            }
            #expect(try await stack.isEmpty("queue"))
        }
    }

    @Test func wrongFormsAreRefusedAndLeaveNothing() async throws {
        let late = "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nstarter\r\n"
        let second = "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b.mp3\"\r\n\r\nx\r\n"
        let wrong = "--XX\r\nContent-Disposition: form-data; name=\"format\"\r\n\r\nzip\r\n"
        let long = Data(count: 10 << 20)
        let cases: [(HTTPBody, String)] = [
            (Self.form([("model", "starter")], file: nil), "bad-form"), (Self.form([], file: Data()), "empty-body"),
            (Self.form([("format", "zip")], file: Self.song), "invalid-option"),
            (Self.form([("fromat", "mp3")], file: Self.song), "invalid-option"),
            (Self.form([("format", "mp3"), ("format", "wav")], file: Self.song), "invalid-option"),
            (Self.form([("model", "htdemucs")], file: Self.song, after: late), "invalid-option"),
            (Self.form([("model", "htdemucs")], file: long, after: late), "invalid-option"),
            (Self.form([], file: Self.song, after: late + wrong), "invalid-option"),
            (Self.form([], file: long, after: late + wrong), "invalid-option"),
            (Self.form([], file: Self.song, after: second), "bad-form"),
            (Self.form([], file: long, after: second), "bad-form"),
            (Self.form([], file: long, after: String(repeating: late, count: 2000)), "bad-form"),
            (Self.form([], file: Self.song, name: "a.mp3\"\r\nContent-Type: audio/\nmpeg\r\nX: \""), "bad-form"),
            (Self.form([("model", String(repeating: "x", count: 5000))], file: Self.song), "bad-form"),
            (.bytes(Data("no form at all".utf8)), "bad-form"),
            (
                .bytes(Data("--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b\"\r\n\r\nhalf".utf8)),
                "bad-form"
            ),
        ]
        try await withStack { stack in
            for (body, problem) in cases {
                let reply = try await stack.host.send("POST", "/upload", headers: Self.formType, body: body)
                #expect(reply.status == 400)
                #expect(reply.problem == problem, "\(reply.text)")
            }
            let unbounded = try await stack.host.send(
                "POST", "/upload", headers: ["Content-Type": "multipart/form-data"], body: .bytes(Self.song))
            #expect(unbounded.problem == "bad-form")
            #expect(try await stack.isEmpty("queue"))
        }
    }

    @Test(arguments: [
        ("quality=ultra", "quality"), ("format=zip", "format"), ("fromat=mp3", "fromat"), ("shifts=99", "shifts"),
        ("overlap=x", "overlap"),
        ("bitrate=7", "bitrate"),
        ("clip_mode=loud", "clip_mode"), ("model=..%2Fx", "model"),
        ("shifts=1&shifts=2", "shifts"),
        ("presign=maybe", "presign"),
    ])
    func wrongOptionsAreRefusedBeforeTheBodyIsRead(_ query: String, _ option: String) async throws {
        try await withStack { stack in
            let connection = try RawConnection(port: stack.host.port)
            try await connection.send(
                "POST /upload?\(query) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
            let answer = try await connection.receive()
            #expect(answer.hasPrefix("HTTP/1.1 400"))
            #expect(answer.contains("\"option\":\"\(option)\""), "\(answer)")
            #expect(try await stack.isEmpty("queue"))
        }
    }

    @Test func emptyBodiesAreRefused() async throws {
        try await withStack { stack in
            #expect(try await stack.host.send("POST", "/upload").problem == "empty-body")
            let chunked = try await stack.host.send("POST", "/upload", body: .stream(.empty, length: nil))
            #expect(chunked.problem == "empty-body")
            #expect(try await stack.isEmpty("queue"))
        }
    }

    @Test func tooLongBodiesAreRefused() async throws {
        try await withStack { stack in
            let connection = try RawConnection(port: stack.host.port)
            try await connection.send(
                "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\nxx")
            #expect(try await connection.receive().contains("body-too-large"))
            #expect(try await stack.isEmpty("queue"))
        }
    }

    @Test(arguments: ["Content-Length: 5000000", "Transfer-Encoding: chunked"], [true, false])
    func bodiesThatAreCutLeaveNothing(_ framing: String, _ isReset: Bool) async throws {
        try await withStack { stack in
            let connection = try RawConnection(port: stack.host.port)
            try await connection.send("POST /upload?filename=a.mp3 HTTP/1.1\r\nHost: localhost\r\n\(framing)\r\n\r\n")
            let half = Data(count: 1 << 20)
            try await connection.send(framing.contains("chunked") ? Data("200000\r\n".utf8) + half : half)
            if isReset { connection.reset() } else { connection.finishSending() }
            try await eventually("the upload has ended") {
                stack.host.log.lines.contains { $0.contains("\"path\":\"/upload\"") }
            }
            if !isReset { #expect(try await connection.receive().contains("body-incomplete")) }
            #expect(try await stack.isEmpty("queue"))
        }
    }

    @Test func presignedAddressesWork() async throws {
        try await withStack(notifies: true) { stack in
            let reply = try await stack.host.send("POST", "/upload?presign=1&filename=a+b.mp3&format=flac")
            #expect(reply.status == 200)
            let presigned = try reply.decoded(PresignedUpload.self)
            #expect(presigned.expires > Date())
            let put = try await CurlTransport().send(
                HTTPRequest(
                    method: presigned.method, url: presigned.url,
                    headers: HTTPHeaders(presigned.headers.map { ($0, $1) }),
                    body: .bytes(Self.song)))
            #expect(put.status == 200)
            try await eventually("it is queued") { try await stack.queue.job(presigned.job)?.state == .queued }
            let job = try #require(try await stack.queue.job(presigned.job))
            #expect(job.filename == "a b.mp3")
            #expect(job.options.format == .flac)
        }
    }

    @Test func uploadsAreAcceptedWithoutRedisAndQueuedLater() async throws {
        try await withStack(notifies: true) { stack in
            stack.redis.kill()
            let reply = try await stack.host.send("POST", "/upload?filename=a.mp3", body: .bytes(Self.song))
            #expect(reply.status == 202)
            let status = try await stack.host.get(try #require(reply.headers["Location"]))
            #expect(status.status == 200)
            #expect(status.json["state"] == "uploaded")
            #expect(status.text.contains("cannot be asked"))
            #expect(try await stack.host.get("/readyz").json["status"] == "degraded")
        }
    }

    /// Workers say what they separate with; a wrong model or stem is refused before the song is stored, also in a form.
    @Test func modelsAndStemsThatNobodyHasAreRefusedAtOnce() async throws {
        try await withStack(queueLimit: 100) { stack in
            let offers = OfferedModels(stems: ["starter": ["drums", "vocals"]], usual: "starter")
            try await stack.queue.publish(offers)
            try await eventually("the offers are known") {
                try await stack.host.send("POST", "/upload?model=htdemucsX", body: .bytes(Self.song)).status == 400
            }
            let list = try await stack.host.get("/upload")
            #expect(try JSONDecoder().decode(OfferedModelList.self, from: list.body) == OfferedModelList(offers))
            #expect(list.text.contains(#""isUsual":true,"name":"starter","stems":["drums","vocals"]"#))
            let before = try await stack.keys("queue").count
            let model = try await stack.host.send("POST", "/upload?model=htdemucsX", body: .bytes(Self.song))
            #expect(model.text.contains("it must be one of starter"))
            let stem = try await stack.host.send("POST", "/upload?two_stems=guitar&presign=1")
            #expect(stem.status == 400)
            #expect(stem.text.contains("the model starter has drums, vocals"))
            #expect(try await stack.keys("queue").count == before)
            let good = try await stack.host.send(
                "POST", "/upload?model=starter&two_stems=vocals", body: .bytes(Self.song))
            #expect(good.status == 202)
        }
    }

    @Test func songsWaitOutsideWhileTheQueueIsFull() async throws {
        try await withStack(queueLimit: 2) { stack in
            _ = try await stack.queued()
            _ = try await stack.separate([("vocals", Data("v".utf8))])
            try await stack.queue.heartbeat(WorkerRecord(id: "w"))
            for _ in 0..<3 { _ = try await stack.queued() }
            var refused: Reply?
            try await eventually("the queue's length is known") {
                let reply = try await stack.host.send("POST", "/upload", body: .bytes(Self.song))
                if reply.status == 429 { refused = reply }
                return reply.status == 429
            }
            let reply = try #require(refused)
            #expect(reply.problem == "queue-full")
            #expect(reply.headers["Retry-After"].flatMap { Int($0) } ?? 0 >= 1)
            #expect((reply.json["waiting"], reply.json["limit"]) == ("3", "2"))
            #expect(reply.json["expectedWaitSeconds"].flatMap { Int($0) } ?? 0 >= 1)
            #expect(reply.text.contains("About 3 songs wait already"))
            #expect(reply.text.contains("\"limit\":2,"))
            #expect(try await stack.host.send("POST", "/upload?presign=1").status == 429)
            // Without Redis nobody knows, and what is stored is kept.
            let before = try await stack.keys("queue").count
            stack.redis.kill()
            try await eventually("the last reading is too old") {
                try await stack.host.send("POST", "/upload", body: .bytes(Self.song)).status == 202
            }
            #expect(try await stack.keys("queue").count == before + 1)
        }
    }

    @Test func uploadsDuringAnOutageOfRedisAreQueuedAfterIt() async throws {
        try await withStack(notifies: true) { stack in
            // It is there and does not answer, as a machine that hangs.
            kill(stack.redis.processIdentifier, SIGSTOP)
            let reply = try await stack.host.send("POST", "/upload?filename=a.mp3", body: .bytes(Self.song))
            #expect(reply.status == 202)
            let id = try #require(reply.json["job"])
            try await eventually("the notification was refused") {
                stack.host.log.lines.contains { $0.contains("the queue is not available") }
            }
            kill(stack.redis.processIdentifier, SIGCONT)
            try await eventually("the job is queued") { try await stack.job(id)?.state == .queued }
            #expect(try await stack.queue.depth().waiting == 1)
        }
    }

    @Test func aStorageThatIsAwayIsSaidSo() async throws {
        let access = try unreachableStorage()
        try await withHost([access]) { host in
            let reply = try await host.send("POST", "/upload", body: .bytes(Self.song))
            #expect(reply.status == 503)
            #expect(reply.problem == "unavailable")
            #expect(reply.headers["Retry-After"] != nil)
            #expect(try await host.get("/readyz").status == 503)
        }
    }
}
