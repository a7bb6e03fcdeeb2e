import Foundation
import Testing
import UploadFunction

@Suite struct MultipartParserTests {
    /// What a form comes to, with each part's bytes put together.
    struct Part: Equatable {
        var headers: [String: String]
        var body = Data()
    }

    static func parts(_ chunks: [Data], boundary: String) throws -> [Part] {
        var parser = try #require(MultipartParser(boundary: boundary))
        var parts: [Part] = []
        var isOpen = false
        for chunk in chunks {
            parser.append(chunk)
            while let event = try parser.next() {
                switch event {
                case .part(let headers):
                    #expect(!isOpen)
                    isOpen = true
                    parts.append(Part(headers: headers))
                case .bytes(let bytes):
                    #expect(isOpen && !bytes.isEmpty)
                    parts[parts.count - 1].body.append(bytes)
                case .partEnd:
                    #expect(isOpen)
                    isOpen = false
                case .end: break
                }
            }
        }
        try parser.finish()
        return parts
    }

    static let form = Data(
        [
            "preamble --b\r\n--boundary is not one\r\n--b\r\n",
            "Content-Disposition: form-data; name=\"model\"\r\n\r\nstarter\r\n",
            "--b \t\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n",
            "--b\r\n\r\nno headers\r\n",
            "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"é.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n",
            "\r\n--bad\r\n--\r\n-\r\r\n--b-\r\n--b x\r\n\r\n--b--\r\nepilogue --b\r\n",
        ].joined().utf8)

    static let expected = [
        Part(headers: ["content-disposition": "form-data; name=\"model\""], body: Data("starter".utf8)),
        Part(headers: ["content-disposition": "form-data; name=\"empty\""]),
        Part(headers: [:], body: Data("no headers".utf8)),
        Part(
            headers: [
                "content-disposition": "form-data; name=\"file\"; filename=\"é.mp3\"", "content-type": "audio/mpeg",
            ], body: Data("\r\n--bad\r\n--\r\n-\r\r\n--b-\r\n--b x\r\n".utf8)),
    ]

    @Test func chunksAtEveryByteGiveTheSameParts() throws {
        #expect(try Self.parts([Self.form], boundary: "b") == Self.expected)
        #expect(try Self.parts(Self.form.map { Data([$0]) }, boundary: "b") == Self.expected)
        for cut in 0...Self.form.count {
            let chunks = [Self.form.prefix(cut), Self.form.dropFirst(cut)]
            #expect(try Self.parts(chunks, boundary: "b") == Self.expected, "cut at \(cut)")
        }
    }

    @Test func randomFormsComeBack() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let boundary = String((0..<Int.random(in: 1...70)).map { _ in "ab-'()+_,./:=?".randomElement()! })
            // Bodies of the boundary's own characters are the hardest.
            let alphabet = Array(("\r\n-" + boundary).utf8)
            let bodies = (0..<Int.random(in: 1...4)).map { _ in
                Data((0..<Int.random(in: 0...200)).map { _ in alphabet.randomElement()! })
            }.filter {
                $0.range(of: Data("\r\n--\(boundary)".utf8)) == nil && !$0.starts(with: Data("--\(boundary)".utf8))
            }
            guard !bodies.isEmpty else { continue }
            var form = Data()
            for body in bodies { form += Data("--\(boundary)\r\nA: b\r\n\r\n".utf8) + body + Data("\r\n".utf8) }
            form += Data("--\(boundary)--".utf8)
            var chunks: [Data] = []
            while !form.isEmpty {
                let count = min(form.count, Int.random(in: 1...60, using: &random))
                chunks.append(Data(form.prefix(count)))
                form = form.dropFirst(count)
            }
            let parts = try Self.parts(chunks, boundary: boundary)
            #expect(parts == bodies.map { Part(headers: ["a": "b"], body: $0) })
        }
    }

    /// A near miss costs no event, no copy and no new search of what was searched.
    @Test func nearMissesAreBytesLikeAnyOthers() throws {
        var parser = try #require(MultipartParser(boundary: "b"))
        parser.append(Data("--b\r\nA: b\r\n\r\n".utf8))
        let misses = Data(String(repeating: "\r\n--bx", count: 5000).utf8)
        parser.append(misses + Data("\r\n--b--".utf8))
        var events: [MultipartParser.Event] = []
        while let event = try parser.next() { events.append(event) }
        #expect(events == [.part(headers: ["a": "b"]), .bytes(misses), .partEnd, .end])
    }

    @Test(arguments: ["A: b\nC: d", "A: b\0", "A: \u{7f}", "A\n: b"])
    func headersWithControlCharactersAreRefused(_ header: String) {
        #expect(throws: MultipartParser.Malformed.self) {
            try Self.parts([Data("--b\r\n\(header)\r\n\r\nx\r\n--b--".utf8)], boundary: "b")
        }
    }

    @Test(arguments: ["", "a b ", "é", "a\"b", String(repeating: "x", count: 71), "a\r\nb"])
    func wrongBoundariesAreRefused(_ boundary: String) {
        #expect(MultipartParser(boundary: boundary) == nil)
    }

    @Test(arguments: [
        "", "nothing", "--b", "--b\r\nA: b\r\n\r\nhalf", "--b\r\nA: b\r\n\r\nwhole\r\n--b\r\n", "--b\nA: b\n\nx\n--b--",
    ])
    func unfinishedFormsAreNoticed(_ form: String) {
        #expect(throws: MultipartParser.Malformed.self) { try Self.parts([Data(form.utf8)], boundary: "b") }
    }

    @Test func longOrWrongHeadersAreRefused() {
        let long = "--b\r\nA: " + String(repeating: "x", count: MultipartParser.headerLimit) + "\r\n\r\n"
        #expect(throws: MultipartParser.Malformed.self) {
            try Self.parts([Data(long.utf8)], boundary: "b")
        }
        #expect(throws: MultipartParser.Malformed.self) {
            try Self.parts([Data("--b\r\nno colon\r\n\r\nx\r\n--b--".utf8)], boundary: "b")
        }
    }

    @Test(arguments: [
        ("form-data; name=\"file\"; filename=\"a \\\"b\\\".mp3\"", "a \"b\".mp3"),
        ("form-data; filename=C:\\music\\a.mp3; name=x", "C:\\music\\a.mp3"),
        ("form-data; filename=\"C:\\music\\a.mp3\"", "C:\\music\\a.mp3"),
        ("form-data; filename=\"a; b=c\"; filename*=UTF-8''%C3%A9%20x.mp3", "é x.mp3"),
        ("form-data; filename=\"a.mp3\"; filename*=UTF-8''%ff", "a.mp3"),
        ("attachment;filename=a.mp3;", "a.mp3"),
    ])
    func fileNamesAreFound(_ header: String, _ name: String) throws {
        #expect(try #require(HeaderValue(header)).filename == name)
    }
}
