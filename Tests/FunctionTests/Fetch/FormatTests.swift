import FetchFunction
import Foundation
import FunctionClients
import FunctionHost
import Jobs
import TestSupport
import Testing

@Suite struct FormatTests {
    @Test(
        arguments: [
            (nil, RangeHeader.whole), ("bytes=0-0", .bytes(0..<1)), ("bytes=10-", .bytes(10..<100)),
            ("bytes=-10", .bytes(90..<100)),
            ("bytes=-1000", .bytes(0..<100)), ("bytes=90-1000", .bytes(90..<100)), ("Bytes=5-6", .bytes(5..<7)),
            ("bytes=100-", .unsatisfiable), ("bytes=-0", .unsatisfiable), ("bytes=6-5", .whole), ("bytes=-", .whole),
            ("bytes=0-1,3-4", .whole), ("items=0-1", .whole), ("bytes=a-b", .whole),
            ("bytes=0-99999999999999999999", .whole),
        ] as [(String?, RangeHeader)])
    func rangesAreRead(_ header: String?, _ range: RangeHeader) {
        #expect(RangeHeader(header, size: 100) == range)
    }

    @Test func emptyStemsHaveNoRanges() {
        #expect(RangeHeader("bytes=0-", size: 0) == .unsatisfiable)
        #expect(RangeHeader("bytes=-5", size: 0) == .unsatisfiable)
    }

    @Test func entityTagsCompareWeakly() throws {
        let tags = try #require(EntityTags("\"a\", W/\"b\""))
        #expect(tags.contains("\"a\"") && tags.contains("\"b\"") && !tags.contains("\"c\""))
        #expect(try #require(EntityTags("*")).contains("\"c\""))
        #expect(EntityTags(nil) == nil)
        for empty in ["", " ", "* *"] {
            let none = try #require(EntityTags(empty))
            #expect(!none.contains("\"c\""))
        }
    }

    @Test func namesCannotBreakOutOfTheHeader() {
        let header = ContentDisposition.attachment("a\"; filename=\"evil.exe\r\nX: y/é%41.mp3")
        #expect(header.filter { $0 == "\"" }.count == 2)
        #expect(header.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f })
        #expect(
            header == "attachment; filename=\"a__ filename=_evil.exe__X: y___41.mp3\"; "
                + "filename*=UTF-8''a%22%3B%20filename%3D%22evil.exe%0D%0AX%3A%20y%2F%C3%A9%2541.mp3")
    }

    @Test func archivesAreReadByOthers() async throws {
        let directory = try TemporaryDirectory()
        let date = Date(timeIntervalSince1970: 1_700_000_000)
        let files = [("drums.wav", 100_000), ("é x.wav", 1), ("empty.wav", 0)]
        let entries = files.map { ZipEntry(name: $0.0, size: $0.1, modified: date) }
        var archive = ZipWriter()
        var bytes = Data()
        for entry in entries {
            bytes += archive.begin(entry)
            let data = Data((0..<entry.size).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            archive.add(data)
            bytes += data
            bytes += try archive.finishEntry()
        }
        bytes += archive.finish()
        #expect(bytes.count == ZipWriter.size(of: entries))
        let file = directory.url.appending(path: "stems.zip")
        try bytes.write(to: file)
        try await Program.run(["unzip", "-tq", file.path])
        let script = """
            import sys, zipfile
            z = zipfile.ZipFile(sys.argv[1])
            assert z.testzip() is None
            print([(i.filename, i.file_size, i.date_time) for i in z.infolist()])
            """
        #expect(
            try await Program.run(["python3", "-c", script, file.path])
                == "[('drums.wav', 100000, (2023, 11, 14, 22, 13, 20)), "
                + "('é x.wav', 1, (2023, 11, 14, 22, 13, 20)), ('empty.wav', 0, (2023, 11, 14, 22, 13, 20))]\n")
    }

    /// The data is a hole in the file, so that this needs no 5 GiB.
    @Test func archivesBeyond32BitsAreReadByOthers() async throws {
        let directory = try TemporaryDirectory()
        let sizes = [5 << 30, 10]
        let entries = sizes.enumerated().map { ZipEntry(name: "stem-\($0).wav", size: $1, modified: Date()) }
        let url = directory.url.appending(path: "large.zip")
        _ = FileManager.default.createFile(atPath: url.path, contents: nil)
        let file = try FileHandle(forWritingTo: url)
        var archive = ZipWriter()
        for entry in entries {
            try file.write(contentsOf: archive.begin(entry))
            var left = entry.size
            let zeros = Data(count: 16 << 20)
            while left > 0 {
                archive.add(zeros.prefix(left))
                left -= min(left, zeros.count)
            }
            try file.seek(toOffset: file.offset() + UInt64(entry.size))
            try file.write(contentsOf: try archive.finishEntry())
        }
        try file.write(contentsOf: archive.finish())
        #expect(try Int(file.offset()) == ZipWriter.size(of: entries))
        try file.close()
        let script = """
            import sys, zipfile
            z = zipfile.ZipFile(sys.argv[1])
            print([i.file_size for i in z.infolist()], z.read('stem-1.wav') == bytes(10))
            """
        #expect(try await Program.run(["python3", "-c", script, url.path]) == "[5368709120, 10] True\n")
    }

    @Test func wrongSizesAreNoticed() throws {
        var archive = ZipWriter()
        _ = archive.begin(ZipEntry(name: "a", size: 2, modified: Date()))
        archive.add(Data([1]))
        #expect(throws: ZipWriter.WrongSize.self) { try archive.finishEntry() }
    }

    @Test func estimatesFollowFromWhatWasDone() {
        let now = Date(timeIntervalSince1970: 1_700_000_000)
        let speed = QueuePace(jobSeconds: 20, realTimeFactor: 0.2)
        #expect(speed.wait(position: 3, workers: 2) == 40)
        #expect(speed.wait(position: 3, workers: 0) == nil)
        #expect(QueuePace().wait(position: 1, workers: 1) == nil)
        var running = Job(id: .random(), bucket: "queue", key: "k", filename: "f", audioSeconds: 200)
        running.startedAt = now - 10
        #expect(speed.left(of: running, now: now) == 30)
        running.progress = 0.25
        #expect(QueuePace().left(of: running, now: now) == 30)
    }
}
