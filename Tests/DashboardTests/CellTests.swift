import Dashboard
import Testing

@Suite struct CellTests {
    @Test(arguments: [
        ("song.mp3", 8), ("", 0), ("夜に駆ける", 10), ("한국어", 6), ("ｆｕｌｌ", 8), ("é", 1), ("e\u{301}", 1),
        ("🎸", 2), ("👩‍👩‍👧", 2), ("❤\u{FE0F}", 2), ("🇫🇷", 2), ("ｱｲｳ", 3), ("Ω≈", 2), ("\u{200B}", 0), ("ไทย", 3),
    ])
    func widthOfText(_ text: String, _ columns: Int) {
        #expect(text.columns == columns)
    }

    @Test func textIsCutWithAMark() {
        #expect("Bohemian Rhapsody".shortened(to: 8, mark: "…") == "Bohemia…")
        #expect("夜に駆ける".shortened(to: 6, mark: "…") == "夜に…")
        #expect("short".shortened(to: 5, mark: "…") == "short")
    }

    @Test func textIsBrokenAtBlanks() {
        #expect("one two  three four".wrapped(to: 9) == ["one two", "three", "four"])
        #expect("".wrapped(to: 9) == [])
    }

    @Test func whatDrivesTerminalsIsNotPrintable() {
        #expect("a\u{1b}[2Jb\tc\u{202E}d\u{9b}e".printable(unicode: true) == "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d\u{FFFD}e")
        #expect("Ágætis é".printable(unicode: false) == "?g?tis ?")
        #expect("A\u{301}b".printable(unicode: false) == "Ab")
    }

    @Test func halvesOfWideCharactersDoNotStay() {
        var buffer = CellBuffer(size: Size(width: 6, height: 1))
        buffer.write("夜に駆", column: 0, row: 0, width: 6)
        buffer.write("x", column: 3, row: 0, width: 1)
        #expect(buffer.rows == ["夜 x駆"])
        buffer.write("y", column: 0, row: 0, width: 1)
        #expect(buffer.rows == ["y  x駆"])
    }

    @Test func nothingIsWrittenOutside() {
        var buffer = CellBuffer(size: Size(width: 4, height: 1))
        buffer.write("夜に駆", column: 1, row: 0, width: 99)
        #expect(buffer.rows == [" 夜…"])
        buffer.write("x", column: 9, row: 0, width: 3)
        buffer.write("x", column: 0, row: 5, width: 3)
        #expect(buffer.rows == [" 夜…"])
    }
}

@Suite struct FrameTests {
    private static let size = Size(width: 30, height: 6)

    @Test func nothingChangedNothingSent() {
        var writer = FrameWriter(depth: .full)
        let picture = DashboardView(Scene.busy()).picture(Size(width: 80, height: 24))
        #expect(!writer.frame(picture).isEmpty)
        #expect(writer.frame(picture).isEmpty)
    }

    @Test func onlyWhatChangedIsSent() {
        var writer = FrameWriter(depth: .none)
        var buffer = CellBuffer(size: Self.size)
        buffer.write("one line", column: 2, row: 1, width: 20)
        _ = writer.frame(buffer)
        buffer.write("own lime", column: 2, row: 1, width: 20)
        buffer.write("!", column: 0, row: 5, width: 1)
        let frame = writer.frame(buffer)
        #expect(frame.hasPrefix("\u{1b}[?2026h\u{1b}[2;4H\u{1b}[0mwn\u{1b}[2;9Hm"))
        #expect(frame.hasSuffix("\u{1b}[6;1H!\u{1b}[0m\u{1b}[?2026l"))
    }

    @Test func aSecondOfTheLiveViewIsSmall() {
        var writer = FrameWriter(depth: .full)
        var (model, size) = (Scene.busy(), Size(width: 80, height: 24))
        let whole = writer.frame(DashboardView(model).picture(size)).utf8.count
        var next = Scene.snapshot()
        next.events = []
        next.status.time.addTimeInterval(1)
        next.workers[0].progress = 0.15
        _ = model.update(.observed(next))
        #expect(writer.frame(DashboardView(model).picture(size)).utf8.count < whole / 10)
        size = Size(width: 81, height: 24)
        #expect(writer.frame(DashboardView(model).picture(size)).contains("\u{1b}[2J"))
    }

    @Test func colourOnlyWhereThereIsSome() {
        func frame(_ depth: ColorDepth) -> String {
            var writer = FrameWriter(depth: depth)
            var buffer = CellBuffer(size: Self.size)
            buffer.write("bad", column: 0, row: 0, width: 3, style: Style(color: .bad, isBold: true))
            return writer.frame(buffer)
        }
        #expect(frame(.none).contains("\u{1b}[0;1mbad"))
        #expect(frame(.basic).contains("\u{1b}[0;1;31mbad"))
        #expect(frame(.palette).contains("\u{1b}[0;1;38;5;167mbad"))
        #expect(frame(.full).contains("\u{1b}[0;1;38;2;220;95;90mbad"))
    }

    /// After any sequence of pictures the terminal shows the last one.
    @Test func framesAddUpToThePicture() {
        var numbers = Numbers(state: 7)
        let words = ["夜に", "x", "song.mp3", "🎸", "   ", "e\u{301}", "駆", "|"]
        var (writer, screen) = (FrameWriter(depth: .basic), ScreenDouble(Self.size))
        var buffer = CellBuffer(size: Self.size)
        for _ in 0..<3000 {
            if numbers.next() % 50 == 0 { buffer = CellBuffer(size: Self.size) }
            for _ in 0..<numbers.next() % 4 {
                let (word, style) = (words[numbers.next() % words.count], numbers.next() % 2 == 0 ? Style.plain : .bad)
                buffer.write(
                    word, column: numbers.next() % 32, row: numbers.next() % 7, width: numbers.next() % 9, style: style)
            }
            screen.receive(writer.frame(buffer))
            #expect(screen.rows == buffer.rows)
        }
        #expect(screen.unknown == [])
    }

    /// A linear congruential generator (Knuth, MMIX): the same pictures in every run.
    private struct Numbers {
        var state: UInt64
        mutating func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
    }
}
