import Foundation
import HTTPTransport
import Jobs
import ObjectStorage
import ServiceContract
import TestSupport
import Testing

@Suite struct FetchTests {
    static let drums = Data((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    static let stems = [("drums", drums), ("vocals", Data("la la la".utf8))]

    @Test func pollsAreNotLoggedAndTroubleIs() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            for _ in 0..<3 {
                #expect(try await stack.host.get("/fetch/\(id)").status == 200)
                #expect(try await stack.host.get("/fetch").status == 200)
            }
            #expect(try await stack.host.get("/fetch/\(JobID.random())").status == 404)
            #expect(try await stack.host.send("DELETE", "/fetch/\(id)").status == 204)
            let lines = stack.host.log.lines.filter {
                $0.contains("\"path\":\"/fetch") && !$0.contains("\"level\":\"debug\"")
            }
            #expect(lines.count == 2, "\(lines)")
        }
    }

    /// Who cancels a job that ends at that moment keeps its stems; one that waits goes, and so does its song.
    @Test func onlyWhatIsUnfinishedIsCancelled() async throws {
        try await withStack(notifies: true) { stack in
            let done = try await stack.queued()
            try await stack.separate(Self.stems)
            let late = try await stack.host.send("DELETE", "/fetch/\(done)?only=unfinished")
            #expect(late.status == 409 && late.json["detail"]?.contains("ended already") == true)
            #expect(try await stack.host.get("/fetch/\(done)/drums").body == Self.drums)
            // Also when nobody but the bucket remembers it.
            try await stack.queue.remove(done)
            #expect(try await stack.host.send("DELETE", "/fetch/\(done)?only=unfinished").status == 409)
            #expect(try await stack.host.send("DELETE", "/fetch/\(done)?only=some").status == 400)
            #expect(try await stack.host.get("/fetch/\(done)/drums").status == 200)

            let waiting = try await stack.queued()
            #expect(try await stack.host.send("DELETE", "/fetch/\(waiting)?only=unfinished").status == 204)
            #expect(try await stack.host.get("/fetch/\(waiting)").json["state"] == "cancelled")
        }
    }

    @Test func aJobIsFollowedFromUploadToStems() async throws {
        try await withStack(notifies: true) { stack in
            let upload = try await stack.host.send(
                "POST", "/upload?filename=my+song.mp3", body: .bytes(UploadTests.song))
            let location = try #require(upload.headers["Location"])
            try await eventually("it is queued") { try await stack.host.get(location).json["state"] == "queued" }
            #expect(try await stack.host.get("\(location)/drums").problem == "not-done")
            try await stack.separate(Self.stems)
            let done = try await stack.host.get(location)
            #expect(done.json["state"] == "done")
            #expect(done.json["progress"] == "1")
            #expect(done.text.contains("A frame was damaged."))
            #expect(done.text.contains("\"href\":\"\(location)/drums.wav\""))
            #expect(done.headers["Cache-Control"] == "no-store")

            let stem = try await stack.host.get("\(location)/drums.wav")
            #expect(stem.status == 200)
            #expect(stem.body == Self.drums)
            #expect(stem.headers["Content-Type"] == "audio/wav")
            #expect(stem.headers["Content-Length"] == "200000")
            #expect(
                stem.headers["Content-Disposition"]?.hasPrefix("attachment; filename=\"my song - drums.wav\"") == true)
            #expect(try await stack.host.get("\(location)/drums").body == Self.drums)
            let head = try await stack.host.send("HEAD", "\(location)/drums")
            #expect(head.status == 200 && head.body.isEmpty && head.headers["Content-Length"] == "200000")
            let unknown = try await stack.host.get("\(location)/piano")
            #expect(unknown.status == 404)
            #expect(unknown.json["detail"]?.contains("drums, vocals") == true)
            let list = try await stack.host.get("/fetch?limit=5")
            #expect(list.text.contains("\"jobs\":[{"))
        }
    }

    @Test func rangesAndConditionsAreHonoured() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            try await stack.separate(Self.stems)
            let path = "/fetch/\(id)/drums.wav"
            let tag = try #require(try await stack.host.get(path).headers["ETag"])
            let middle = try await stack.host.get(path, headers: ["Range": "bytes=100-299"])
            #expect(middle.status == 206)
            #expect(middle.body == Self.drums[100..<300])
            #expect(middle.headers["Content-Range"] == "bytes 100-299/200000")
            #expect(middle.headers["Content-Length"] == "200")
            let last = try await stack.host.get(path, headers: ["Range": "bytes=-5", "If-Range": tag])
            #expect(last.body == Self.drums.suffix(5))
            let stale = try await stack.host.get(path, headers: ["Range": "bytes=-5", "If-Range": "\"old\""])
            #expect(stale.status == 200 && stale.body == Self.drums)
            let beyond = try await stack.host.get(path, headers: ["Range": "bytes=200000-"])
            #expect(beyond.status == 416)
            #expect(beyond.headers["Content-Range"] == "bytes */200000")
            let head = try await stack.host.send("HEAD", path, headers: ["Range": "bytes=100-299"])
            #expect((head.status, head.headers["Content-Length"]) == (200, "200000"))
            let same = try await stack.host.get(path, headers: ["If-None-Match": tag])
            #expect(same.status == 304 && same.body.isEmpty && same.headers["ETag"] == tag)
        }
    }

    @Test func missingJobsAreProblems() async throws {
        try await withStack { stack in
            let id = JobID.random()
            for path in [
                "/fetch/\(id)", "/fetch/\(id)/drums", "/fetch/\(id)/events", "/fetch/\(id)/stems.zip",
                "/fetch/nonsense",
                "/fetch/..%2F..%2Fetc/passwd",
            ] {
                let reply = try await stack.host.get(path)
                #expect(reply.status == 404)
                #expect(reply.problem == "not-found", "\(path)")
            }
            #expect(try await stack.host.get("/fetch?limit=0").problem == "bad-request")
            #expect(try await stack.host.send("DELETE", "/fetch/nonsense").status == 404)
        }
    }

    @Test func failedJobsSayWhy() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .seconds(10)))
            _ = try await stack.queue.fail(claim, reason: "The file is no audio.", retry: false)
            #expect(try await stack.host.get("/fetch/\(id)").json["error"] == "The file is no audio.")
            let stem = try await stack.host.get("/fetch/\(id)/drums")
            #expect(stem.status == 409)
            #expect(stem.json["detail"]?.contains("The file is no audio.") == true)
            #expect(stem.json["state"] == "failed")
        }
    }

    @Test func theBucketsAnswerWhenRedisCannot() async throws {
        try await withStack { stack in
            let id = try await stack.queued("my song.mp3")
            try await stack.separate(Self.stems)
            stack.redis.kill()
            let status = try await stack.host.get("/fetch/\(id)")
            #expect(status.json["state"] == "done")
            #expect(status.json["filename"] == "my song.mp3")
            #expect(try await stack.host.get("/fetch/\(id)/drums").body == Self.drums)
            #expect(try await stack.host.get("/fetch/\(JobID.random())").status == 503)
            #expect(try await stack.host.get("/fetch").status == 503)
            #expect(try await stack.host.send("DELETE", "/fetch/\(id)").status == 503)
        }
    }

    @Test func allStemsComeInOneArchive() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            try await stack.separate(Self.stems)
            let head = try await stack.host.send("HEAD", "/fetch/\(id)/stems.zip")
            let archive = try await stack.host.get("/fetch/\(id)/stems.zip")
            #expect(archive.status == 200)
            #expect(archive.headers["Content-Type"] == "application/zip")
            #expect(head.headers["Content-Length"] == "\(archive.body.count)")
            let directory = try TemporaryDirectory()
            try archive.body.write(to: directory.url.appending(path: "stems.zip"))
            try await Program.run(["unzip", "-q", "stems.zip"], directory: directory.path)
            #expect(try Data(contentsOf: directory.url.appending(path: "drums.wav")) == Self.drums)
            #expect(try Data(contentsOf: directory.url.appending(path: "vocals.wav")) == Self.stems[1].1)
        }
    }

    @Test func removedStemsAreGone() async throws {
        try await withStack { stack in
            let id = try await stack.queued()
            try await stack.separate(Self.stems)
            try await stack.storage.delete("output", "\(id)/drums.wav")
            #expect(try await stack.host.get("/fetch/\(id)/drums").status == 410)
            #expect(try await stack.host.get("/fetch/\(id)/stems.zip").problem == "gone")
            try await stack.storage.put("output", "\(id)/drums.wav", body: .bytes(Data("another".utf8)))
            #expect(try await stack.host.get("/fetch/\(id)/drums").status == 410)
        }
    }

    @Test func deletingCancelsOrRemoves() async throws {
        try await withStack { stack in
            let waiting = try await stack.queued()
            #expect(try await stack.host.send("DELETE", "/fetch/\(waiting)").status == 204)
            #expect(try await stack.host.get("/fetch/\(waiting)").json["state"] == "cancelled")
            #expect(try await stack.queue.depth().waiting == 0)
            #expect(try await stack.isEmpty("queue"))

            let done = try await stack.queued()
            try await stack.separate(Self.stems)
            for _ in 0..<2 { #expect(try await stack.host.send("DELETE", "/fetch/\(done)").status == 204) }
            #expect(try await stack.host.get("/fetch/\(done)").status == 404)
            #expect(try await stack.isEmpty("queue"))
            #expect(try await stack.isEmpty("output"))
            #expect(try await stack.queue.job(done) == nil)
            #expect(try await stack.host.send("DELETE", "/fetch/\(JobID.random())").status == 204)
        }
    }

    @Test func deletingReachesSongsUnderAnyKey() async throws {
        try await withStack { stack in
            try await stack.put("dir/a b.mp3")
            _ = try await stack.separatePost(Data(#"{"bucket":"queue","key":"dir/a b.mp3"}"#.utf8))
            let id = try await stack.id(ofObject: "dir/a b.mp3")
            #expect(try await stack.host.get("/fetch/\(id)").json["state"] == "queued")
            #expect(try await stack.host.send("DELETE", "/fetch/\(id)").status == 204)
            #expect(try await stack.isEmpty("queue"))
        }
    }
}
