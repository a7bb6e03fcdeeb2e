import Foundation
import ServiceContract
import TestSupport
import Testing

/// Each kind of file that people have goes the three ways into the service, and comes out as the same stems.
@Suite struct ContainerTests {
    /// A name, and what ffmpeg is told to make it.
    private static let kinds = [
        "alac.m4a": "-c:a alac", "aac.mp4": "-c:a aac", "mov.mov": "-c:a pcm_s24le", "opus.webm": "-c:a libopus",
        "flac.mkv": "-c:a flac", "wma.wma": "-c:a wmav2", "ac3.ac3": "-c:a ac3", "wavpack.wv": "",
        "caf.caf": "-c:a alac", "vorbis.ogg": "-c:a libvorbis", "flac.flac": "", "aiff.aiff": "",

        "mp2.mp2": "", "rf64.wav": "-rf64 always", "adts.aac": "-c:a aac",
        "video.avi": "-f lavfi -i testsrc=s=64x64:d=1",
    ]

    @Test func theCommandTheUploadAndTheBucketGiveTheSameStems() async throws {
        let folder = try TemporaryDirectory()
        let song = try await DemoSong.cut(seconds: 1, to: folder.url, name: "source.mp3")
        let songs = folder.url.appending(path: "songs")
        try FileManager.default.createDirectory(at: songs, withIntermediateDirectories: true)
        for (name, options) in Self.kinds {
            let words = options.split(separator: " ").map(String.init)
            try await Program.run(
                ["ffmpeg", "-v", "error", "-i", song.path] + words + [songs.appending(path: name).path])
        }
        try await Program.run(
            [
                Places.products.appending(path: "msaas").path, "separate", "-n", "starter", "--shifts", "0", "-o",
                folder.path + "/command", songs.path,
            ], environment: ["MSAAS_MODELS": Places.repository.appending(path: "models").path])

        try await RunningStack.run(workers: 1) { stack in
            _ = try await stack.run([
                "aws", "s3", "cp", "--recursive", "--quiet", "--metadata", "model=starter,shifts=0", songs.path,
                "s3://queue/",
            ])
            let jobs = try await eventually("all songs of the bucket are done", seconds: 120) { () -> [JobStatus]? in
                let jobs = try await stack.client.recent(limit: 100)
                for job in jobs where job.state.isFinished && job.state != .done {
                    throw TestFailure("\(job.filename): \(job.error ?? "\(job.state)")")
                }
                return jobs.count == Self.kinds.count && jobs.allSatisfy { $0.state == .done } ? jobs : nil
            }
            try await Program.run(
                [
                    Places.products.appending(path: "msaas").path, "submit", "-n", "starter", "--shifts", "0", "-o",
                    folder.path + "/upload", songs.path,
                ], environment: ["MSAAS_URL": stack.address.http])
            for job in jobs {
                let song = job.filename.prefix { $0 != "." }
                for part in ["bass", "drums", "other", "vocals"] {
                    let command = try Data(
                        contentsOf: URL(filePath: "\(folder.path)/command/starter/\(song)/\(part).wav"))
                    let upload = try Data(contentsOf: URL(filePath: "\(folder.path)/upload/\(song)/\(part).wav"))
                    let (status, _, bucket) = try await stack.request("GET", "/fetch/\(job.job)/\(part).wav")
                    #expect(status == 200)
                    #expect(command == upload, "\(job.filename), \(part)")
                    #expect(command == bucket, "\(job.filename), \(part)")
                }
            }
        }
    }
}
