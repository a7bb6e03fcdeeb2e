import Foundation
import FunctionHost
import HTTPTransport
import Jobs
import ServiceContract
import Streams
import TestSupport
import Testing

/// A form with several files: a job for each, and all of them or none.
@Suite struct SeveralSongsTests {
    private static func file(_ name: String, _ data: Data) -> Data {
        Data("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\(name)\"\r\n\r\n".utf8) + data
            + Data("\r\n".utf8)
    }

    private static func field(_ name: String, _ value: String) -> Data {
        Data("--XX\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
    }

    private static let end = Data("--XX--\r\n".utf8)

    private static func send(_ stack: Stack, _ parts: [Data], _ query: String = "multiple=1") async throws -> Reply {
        try await stack.host.send(
            "POST", "/upload?\(query)", headers: UploadTests.formType, body: .bytes(parts.reduce(Data(), +)))
    }

    @Test func eachFileIsAJobAndOptionsAreForAll() async throws {
        try await withStack(notifies: true) { stack in
            let long = Data((0..<6_000_000).map { UInt8(truncatingIfNeeded: $0 &* 131) })
            let songs = [("a.mp3", UploadTests.song), ("b.mp3", long), ("a.mp3", UploadTests.song + Data([1]))]
            let reply = try await Self.send(
                stack,
                [Self.field("format", "flac")] + songs.map { Self.file($0, $1) } + [
                    Self.field("shifts", "3"), Self.end,
                ])
            #expect(reply.status == 202)
            let accepted = try reply.decoded(AcceptedUploads.self).jobs
            #expect(accepted.map(\.filename) == songs.map(\.0) && accepted.map(\.size) == songs.map(\.1.count))
            #expect(Set(accepted.map(\.job)).count == 3)
            for (upload, song) in zip(accepted, songs) {
                let stored = try await stack.storage.get("queue", "\(upload.job)/\(song.0)").body.collect(
                    limit: 1 << 24)
                #expect(stored == song.1)
                try await eventually("it is queued") {
                    try await stack.queue.job(upload.job)?.options == JobOptions(format: .flac, shifts: 3)
                }
            }
        }
    }

    @Test func allOrNone() async throws {
        try await withStack { stack in
            let song = Self.file("a.mp3", UploadTests.song)
            let text = Self.file("b.txt", Data("<html>".utf8))
            let cases: [([Data], String, String)] = [
                ([song, text, Self.end], "multiple=1", "unsupported-media-type"),
                ([song, Self.file("b.mp3", Data()), Self.end], "multiple=1", "empty-body"),
                ([song, song, Self.field("format", "x"), Self.end], "multiple=1", "invalid-option"),
                ([song, song], "multiple=1", "bad-form"), ([song, song, Self.end], "multiple=0", "bad-form"),
                ([song, song, Self.end], "multiple=x", "invalid-option"),
            ]
            for (parts, query, problem) in cases {
                #expect(try await Self.send(stack, parts, query).problem == problem)
            }
            #expect(try await stack.isEmpty("queue"))
            let raw = try await stack.host.send("POST", "/upload?multiple=1", body: .bytes(UploadTests.song))
            #expect(raw.problem == "bad-form")
        }
    }

    /// The last song cannot be completed: the first one, which is complete by then, goes as well.
    @Test func aLateFailureLeavesNothing() async throws {
        try await withStack(transport: LateTrouble()) { stack in
            let parts = [Self.file("a.mp3", UploadTests.song), Self.file("late.mp3", UploadTests.song), Self.end]
            let failed = try await Self.send(stack, parts)
            let isEmpty = try await stack.isEmpty("queue")
            #expect(failed.status >= 500)
            #expect(isEmpty)
        }
    }
}

/// A storage that completes no upload of a song named `late.mp3`.
private struct LateTrouble: HTTPTransport {
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard request.method == "POST", request.url.contains("/late.mp3?uploadId=") else {
            return try await CurlTransport().send(request)
        }
        let text = "<Error><Code>InternalError</Code><Message>Not today.</Message></Error>"
        return HTTPResponse(status: 500, body: ByteStream(Data(text.utf8)))
    }
}
