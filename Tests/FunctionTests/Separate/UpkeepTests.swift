import EnvironmentSettings
import Foundation
import Jobs
import SeparateFunction
import ServiceContract
import TestSupport
import Testing

/// What was lost on the way comes into the queue all the same, with no worker there.
@Suite struct UpkeepTests {
    private func schedule(age: Duration) -> UpkeepSchedule {
        var schedule = UpkeepSchedule()
        (schedule.recoverEvery, schedule.sweepEvery, schedule.sweepAge) = (.milliseconds(50), .milliseconds(1), age)
        return schedule
    }

    @Test func forgottenSongsAreFoundOnce() async throws {
        try await withStack(upkeep: schedule(age: .zero)) { stack in
            let id = JobID.random()
            try await stack.put("\(id)/song.mp3", metadata: ["format": "mp3", "artist": "somebody"])
            try await stack.put("wrong.mp3", metadata: ["shifts": "99"])
            try await stack.put("folder/direct song.wav")
            try await eventually("the songs are queued") { try await stack.queue.depth().waiting == 2 }
            let job = try #require(try await stack.queue.job(id))
            #expect(job.options == JobOptions(format: .mp3))
            let other = try await stack.id(ofObject: "folder/direct song.wav")
            #expect(try await stack.queue.job(other)?.filename == "direct song.wav")
            let failed = try await stack.id(ofObject: "wrong.mp3", asked: "shifts=99")
            try await eventually("what is wrong has failed") {
                try await stack.queue.job(failed)?.error?.contains("shifts") == true
            }
            for _ in 0..<2 { try await stack.separate([("vocals", Data("v".utf8))]) }
            // Redis forgets everything; what has a manifest is not done again.
            _ = try await stack.queue.pool.client.send(["FLUSHALL"])
            try await eventually("what is wrong has failed again") { try await stack.queue.job(failed) != nil }
            #expect(try await stack.queue.recent(limit: 10).map(\.id) == [failed])
        }
    }

    @Test func whatNobodyCanLookAtIsSetAsideAndHoldsNobodyUp() async throws {
        try await withStack(upkeep: schedule(age: .zero), transport: PoisonedStorage()) { stack in
            try await stack.put("a/poison.mp3")
            try await stack.put("b/song.mp3")
            try await eventually("the song behind it is queued") { try await stack.queue.depth().waiting == 1 }
            try await eventually("it is set aside") {
                try await stack.queue.listAside().map(\.key) == ["a/poison.mp3"]
            }
            // On demand it is tried again.
            #expect(try await stack.queue.retryAside().count == 1)
            try await eventually("it is aside again") { try await stack.queue.listAside().count == 1 }
        }
    }

    @Test func aYoungSongIsLeftToItsNotification() async throws {
        try await withStack(upkeep: schedule(age: .seconds(3600))) { stack in
            try await stack.put("\(JobID.random())/song.mp3")
            try await eventually("it was swept") {
                try await stack.queue.pool.client.send(["EXISTS", "{msaas}:turn:sweep"]) == .integer(1)
            }
            #expect(try await stack.queue.recent(limit: 1).isEmpty)
        }
    }

    @Test func aLostWorkersJobIsRecovered() async throws {
        try await withStack(upkeep: schedule(age: .seconds(3600)), lease: .seconds(1)) { stack in
            let id = try await stack.queued()
            _ = try await stack.queue.claim(worker: "lost", wait: .seconds(10))
            try await eventually("it waits again") { try await stack.queue.job(id)?.state == .queued }
            #expect(try await stack.queue.depth().waiting == 1)
        }
    }

    @Test func variablesAreRead() throws {
        let schedule = try SeparateSettings.reading(["MSAAS_SWEEP_SECONDS": "1.5", "MSAAS_SWEEP_AGE_SECONDS": ""])
            .schedule
        #expect(schedule.sweepEvery == .milliseconds(1500) && schedule.sweepAge == .seconds(60))
        #expect(throws: ConfigurationError.self) { try SeparateSettings.reading(["MSAAS_RECOVER_SECONDS": "soon"]) }
    }
}
