import Foundation
import TestSupport
import Testing

/// A file that refers to others gets none of them opened: watched by `strace`, over the whole program.
struct IsolationTests {
    let studio: Studio

    init() throws { studio = try Studio() }

    @Test func `playlists, manifests, pictures and references open no file and no socket`() throws {
        try studio.tones("secret.wav")
        let secret = studio.path("secret.wav")
        let texts = [
            "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n\(secret)\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n",
            "tagged-hls": "ID3\u{3}\0\0\0\0\0\0#EXTM3U\n#EXTINF:10,\n\(secret)\n",
            "concat": "ffconcat version 1.0\nfile \(secret)\nfile http://127.0.0.1:9/a.wav\n",
            "dash": "<?xml version=\"1.0\"?><MPD><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>",
            "svg":
                "<?xml version=\"1.0\"?><svg xmlns:xlink=\"http://www.w3.org/1999/xlink\"><image xlink:href=\"\(secret)\"/></svg>",
            "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n",
            "asx": "<asx version=\"3.0\"><entry><ref href=\"\(secret)\"/></entry></asx>",
            "ram": "rtsp://127.0.0.1:9/a.rm\n",
        ]
        for (name, text) in texts { try Data(text.utf8).write(to: studio.url("\(name).mp3")) }
        try studio.transcode("secret.wav", "plain.mov", "-c:a pcm_s16be")
        try movWithReference(to: "secret.wav")
        try run(
            "strace", "-f", "-o", studio.path("calls"), "-e",
            "trace=open,openat,openat2,socket,connect,execve,readlink", "sh",
            "-c",
            "cd '\(studio.directory.path)' && '\(Places.products.path)/msaas' separate -n starter *.mp3 reference.mov; true"
        )
        let calls = try String(contentsOf: studio.url("calls"), encoding: .utf8)
        #expect(calls.contains("/hls.mp3\"") && calls.contains("/reference.mov\""), "the program read the files")
        for line in calls.split(separator: "\n") {
            #expect(!line.contains("secret"), "\(line)")
            #expect(!line.contains("AF_INET"), "\(line)")
        }
    }

    /// `plain.mov` with a data reference to another file instead of itself (QuickTime File Format, “Data reference atoms”).
    private func movWithReference(to name: String) throws {
        try studio.edit("plain.mov", to: "reference.mov") { data in
            let entry = data.range(of: Data("dref".utf8))!.upperBound + 8
            let location = Data("file://\(studio.path(name))\0".utf8)
            data.replaceSubrange(
                entry..<entry + 12, with: Data(count: 4) + Data("url ".utf8) + Data(count: 4) + location)
            data.add(12 + location.count, at: entry)
            // The boxes around it grow; the audio stands before them.
            for box in ["moov", "trak", "mdia", "minf", "dinf", "dref"] {
                let boxes = data.indices.filter { data[$0...].prefix(4) == Data(box.utf8) }
                data.add(location.count, at: (box == "minf" || box == "dinf" ? boxes.last! : boxes.first!) - 4)
            }
        }
    }
}

extension Data {
    fileprivate mutating func add(_ count: Int, at offset: Int) {
        let value = self[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } + count
        replaceSubrange(offset..<offset + 4, with: (0..<4).reversed().map { UInt8(value >> (8 * $0) & 0xff) })
    }
}
