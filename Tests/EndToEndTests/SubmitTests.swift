import Foundation
import ServiceContract
import TestSupport
import Testing

/// `msaas submit`, `fetch`, `cancel` and `jobs` against a running service.
@Suite(.serialized) struct SubmitTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private struct Run {
        let process: ChildProcess
        let output: String
        var text: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }
        var jobs: [JobID] {
            text.split(separator: "\n").compactMap { $0.split(separator: " ").first.flatMap { JobID($0) } }
        }
    }

    private func start(_ stack: RunningStack, _ arguments: String...) throws -> Run {
        let output = folder.path + "/said-\(UUID())"
        let process = try ChildProcess(
            [Places.products.appending(path: "msaas").path] + arguments, environment: ["MSAAS_URL": stack.address.http],
            output: output, directory: folder.path)
        return Run(process: process, output: output)
    }

    private func files(_ folder: String) async throws -> [String] {
        try await Program.run(["/bin/sh", "-c", "cd '\(self.folder.path)' && find '\(folder)' -type f | LC_ALL=C sort"])
            .split(separator: "\n").map(String.init)
    }

    private func stems(_ folder: String) -> [String] {
        ["bass", "drums", "other", "vocals"].map { "\(folder)/\($0).wav" }
    }

    @Test func manySongsAreSentAtOnceAndNothingIsOverwritten() async throws {
        try await RunningStack.run(workers: 1) { stack in
            let lib = folder.url.appending(path: "lib")
            for name in ["a", "b"] {
                try FileManager.default.createDirectory(
                    at: lib.appending(path: name), withIntermediateDirectories: true)
                _ = try await DemoSong.cut(seconds: 1, to: lib.appending(path: name), name: "song.mp3")
            }
            _ = try await DemoSong.cut(seconds: 1, to: lib, name: "third.mp3")
            try Data("no song".utf8).write(to: lib.appending(path: "bad.mp3"))
            _ = try await DemoSong.cut(seconds: 1, to: folder.url, name: "song.mp3")

            let submit = try start(stack, "submit", "-r", "lib", "song.mp3", "missing.mp3", "-n", "starter")
            #expect(await submit.process.wait() == 1)
            let text = submit.text
            #expect(Set(submit.jobs).count == 4, "\(text)")
            #expect(text.contains("\n4 of 6 songs done, 2 failed.\n"), "\(text)")
            #expect(text.contains("missing.mp3: there is no such file"))
            #expect(
                try await files("stems") == stems("stems/a/song") + stems("stems/b/song") + stems("stems/song")
                    + stems("stems/third"))
            // All are known to the service before the first one is done.
            let events = try await Program.run(
                [Places.products.appending(path: "msaas").path, "logs"], environment: ["REDIS_URL": stack.address.redis]
            ).split(separator: "\n")
            let firstDone = try #require(events.firstIndex { $0.contains(" done") })
            #expect(events[..<firstDone].count { $0.contains(" enqueued") } >= 2, "\(events)")

            let again = try start(stack, "submit", "song.mp3", "-n", "starter", "--format", "flac")
            #expect(await again.process.wait() == 0, "\(again.text)")
            #expect(try await files("stems/song (2)").count == 4)
            #expect(try await files("stems/song") == stems("stems/song"))

            let list = try start(stack, "jobs", "--state", "done", "--limit", "3")
            #expect(await list.process.wait() == 0)
            #expect(list.jobs.count == 3, "\(list.text)")
            #expect(list.text.contains(#/ (s|min)  /#), "the age: \(list.text)")
            let none = try start(stack, "jobs", "--state", "dead")
            #expect(await none.process.wait() == 0)
            #expect(none.text == "No such jobs.\n")
        }
    }

    @Test func jobsOutliveTheirCommandAndCanBeFetchedOrCancelled() async throws {
        try await RunningStack.run(workers: 0) { stack in
            for name in ["one.mp3", "two.mp3"] { _ = try await DemoSong.cut(seconds: 1, to: folder.url, name: name) }
            let submit = try start(stack, "submit", "one.mp3", "two.mp3")
            let jobs = try await eventually("both ids are told") { submit.jobs.count == 2 ? submit.jobs : nil }
            submit.process.signal(SIGINT)
            #expect(await submit.process.wait() == 130)
            #expect(submit.text.contains("0 of 2 songs done, 2 on the way.\n"), "\(submit.text)")
            #expect(submit.text.contains("msaas fetch ") && jobs.allSatisfy { submit.text.contains(" \($0)") })

            _ = try await eventually("they wait") { () -> Bool? in
                var states: [JobState] = []
                for job in jobs { states.append(try await stack.client.status(of: job).state) }
                return states == [.queued, .queued] ? true : nil
            }
            let cancel = try start(stack, "cancel", jobs[0].description)
            #expect(await cancel.process.wait() == 0, "\(cancel.text)")
            let twice = try start(stack, "cancel", jobs[0].description)
            #expect(await twice.process.wait() == 1)
            #expect(twice.text.contains("is cancelled already"), "\(twice.text)")
            let fetch = try start(stack, "fetch", jobs[0].description)
            #expect(await fetch.process.wait() == 1)
            #expect(fetch.text.contains("is cancelled"), "\(fetch.text)")
            let wrong = try start(stack, "fetch", "nonsense")
            #expect(await wrong.process.wait() == 64)
        }
        try await RunningStack.run(workers: 1) { stack in
            let song = try await DemoSong.cut(seconds: 1, to: folder.url, name: "..three.mp3")
            let job = try await stack.client.upload(song)
            let fetch = try start(stack, "fetch", job.description, "-o", "later")
            #expect(await fetch.process.wait() == 0, "\(fetch.text)")
            let done = try start(stack, "cancel", job.description)
            #expect(await done.process.wait() == 1)
            #expect(done.text.contains("is done already"))
            #expect(try await files("later").count == 4)
            let later = try await files("later")
            #expect(!later.contains { $0.contains("/..three/") == false && $0.contains("..") })
            let again = try start(stack, "fetch", job.description, "-o", "later")
            #expect(await again.process.wait() == 0, "the stems are still there: \(again.text)")
            #expect(try await files("later").count == 8)
        }
    }
}
