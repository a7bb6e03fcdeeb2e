import Audio
import Foundation
import Testing

/// A track that comes through a pipe.
struct PipeTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    @Test func `what comes through a pipe is read as the file is`() throws {
        let data = try Data(contentsOf: studio.tones())
        let track = try spool(data)
        #expect(try readAll(track.url).samples == readAll(studio.url("tones.wav")).samples)
        #expect(TrackTags(track.url) == nil)
    }

    @Test func `a pipe has its limit, and can be given up`() throws {
        let data = try Data(contentsOf: studio.tones())
        #expect(sentence { _ = try spool(data, mostBytes: 100_000) }?.contains("store it in a file first") == true)
        #expect(throws: CancellationError.self) { try spool(data) { false } }
    }

    @Test func `only what a shell hands over is a pipe to read, and no other file that is none`() throws {
        let pipe = Pipe()
        #expect(SpooledTrack.isPipe("/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"))
        #expect(SpooledTrack.isPipe("/proc/self/fd/\(pipe.fileHandleForReading.fileDescriptor)"))
        #expect(!SpooledTrack.isPipe("/dev/fd/9999"))
        #expect(!SpooledTrack.isPipe(studio.directory.path))
        #expect(mkfifo(studio.path("fifo.wav"), 0o600) == 0)
        #expect(!SpooledTrack.isPipe(studio.path("fifo.wav")))
        #expect(sentence { _ = try readAll(studio.url("fifo.wav")) }?.contains("it is not a regular file") == true)
    }

    private func spool(
        _ data: Data, mostBytes: Int = 1 << 30, goOn: () -> Bool = { true }
    ) throws -> SpooledTrack {
        let pipe = Pipe()
        let writer = Thread {
            // The reader may leave early.
            signal(SIGPIPE, SIG_IGN)
            try? pipe.fileHandleForWriting.write(contentsOf: data)
            try? pipe.fileHandleForWriting.close()
        }
        writer.start()
        defer { try? pipe.fileHandleForReading.close() }
        return try SpooledTrack(
            pipe.fileHandleForReading.fileDescriptor, name: "a pipe", mostBytes: mostBytes, goOn: goOn)
    }
}
