import Foundation
import Jobs
import ServiceContract
import TestSupport
import Testing

/// What makes a job: one write of an object with one set of options.
@Suite struct IdentityTests {
    private struct Answer: Decodable {
        struct Accepted: Decodable {
            var job: JobID
            var state: JobState
        }
        var accepted: [Accepted]
    }

    /// Asks for an object by hand, or tells of it as the storage does.
    private func accepted(
        _ stack: Stack, _ key: String, options: String? = nil
    ) async throws -> Answer.Accepted? {
        let asked = options.map { ",\"options\":\($0)" } ?? ""
        let reply = try await stack.separatePost(Data("{\"bucket\":\"queue\",\"key\":\"\(key)\"\(asked)}".utf8))
        return try reply.decoded(Answer.self).accepted.first
    }

    @Test func theSameSongWithOtherOptionsIsAnotherJob() async throws {
        try await withStack { stack in
            try await stack.put("song.mp3", metadata: ["format": "flac"])
            let first = try #require(try await accepted(stack, "song.mp3"))
            #expect(try await accepted(stack, "song.mp3")?.job == first.job, "the same event twice is one job")
            #expect(try await stack.queue.depth().waiting == 1)
            try await stack.put("song.mp3", metadata: ["format": "mp3", "two-stems": "vocals"])
            let second = try #require(try await accepted(stack, "song.mp3"))
            #expect(second.job != first.job && second.state == .queued)
            #expect(try await stack.queue.job(second.job)?.options.twoStems == "vocals")
        }
    }

    @Test func aRefusedOptionCanBeCorrected() async throws {
        try await withStack { stack in
            try await stack.put("two.mp3", metadata: ["format": "wma"])
            #expect(try await accepted(stack, "two.mp3") == nil)
            try await stack.put("two.mp3", metadata: ["format": "flac"])
            #expect(try await accepted(stack, "two.mp3")?.state == .queued)
        }
    }

    /// A presigned address takes a broken file first and then the right one, and another one after that.
    @Test func aSecondSongUnderAJobsOwnKeyIsDone() async throws {
        try await withStack { stack in
            let id = JobID.random()
            let key = "\(id)/song.mp3"
            try await stack.put(key, "no song")
            _ = try await accepted(stack, key)
            let claim = try #require(try await stack.queue.claim(worker: "w", wait: .zero))
            _ = try await stack.queue.fail(claim, reason: "It is no song.", retry: false)
            try await stack.put(key, "a song")
            #expect(try await accepted(stack, key)?.state == .queued)
            #expect(try await stack.host.get("/fetch/\(id)").json["state"] == "queued")
            #expect(try await stack.queue.job(id)?.error == nil)
            try await stack.separate([("vocals", Data("v".utf8))])
            #expect(try await accepted(stack, key)?.state == .done, "an event that comes late changes nothing")
            try await stack.put(key, "another song")
            #expect(try await accepted(stack, key)?.state == .queued)
            let again = try #require(try await stack.queue.claim(worker: "w", wait: .zero))
            #expect(again.job.id == id && again.token == 3)
            // Replaced while it is worked on: the work is lost, and the new song waits.
            try await stack.put(key, "a third song")
            #expect(try await accepted(stack, key)?.state == .queued)
            #expect(try await stack.queue.renew(again) == .lost)
        }
    }

    @Test func ordersByHandMakeJobsOfTheirOwn() async throws {
        try await withStack { stack in
            let key = "\(JobID.random())/song.mp3"
            try await stack.put(key, metadata: ["format": "flac"])
            let own = try #require(try await accepted(stack, key))
            let mp3 = try #require(try await accepted(stack, key, options: #"{"format":"mp3"}"#))
            #expect(mp3.job != own.job && mp3.state == .queued)
            #expect(try await accepted(stack, key, options: #"{"format":"mp3"}"#)?.job == mp3.job)
            #expect(try await accepted(stack, key, options: #"{"format":"flac"}"#)?.job == own.job, "they are its own")
            let wrong = Data("{\"bucket\":\"queue\",\"key\":\"\(key)\",\"options\":{\"format\":\"mp33\"}}".utf8)
            let reply = try await stack.separatePost(wrong)
            #expect(reply.status == 400 && reply.problem == "invalid-option")
        }
    }
}
