import Dashboard
import Testing

@Suite struct KeyTests {
    @Test func keysInAnyPieces() {
        let bytes = Array("q+\u{1b}[A\u{1b}OB\u{1b}[5~\u{1b}[1;5A\u{3}é\r\u{1b}[99z\u{1b}[Hj".utf8)
        let keys: [Key] = [
            .character("q"), .character("+"), .up, .down, .pageUp, .up, .control("c"), .character("é"), .enter, .home,
            .character("j"),
        ]
        for size in 1...bytes.count {
            var parser = KeyParser()
            var found: [Key] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                found += parser.take(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(found == keys)
            #expect(!parser.isWaiting)
        }
    }

    @Test func aLoneEscapeIsAKeyOnceNothingFollows() {
        var parser = KeyParser()
        #expect(parser.take([0x1B]) == [])
        #expect(parser.isWaiting)
        #expect(parser.flush() == [.escape])
        #expect(parser.take(Array("\u{1b}[".utf8)) == [])
        #expect(parser.flush() == [])
        #expect(parser.take([0xFF, 0x00, 0x80, 0x71]) == [.character("q")])
    }

    @Test func anyBytesAreTaken() {
        var parser = KeyParser()
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max { _ = parser.take([first, second, 0x1B, second, first]) }
            _ = parser.flush()
        }
        #expect(!parser.isWaiting)
    }
}

@Suite struct CapabilitiesTests {
    private func colors(_ environment: [String: String], isTerminal: Bool = true) -> ColorDepth {
        Capabilities(environment: environment, isTerminal: isTerminal).colors
    }

    @Test func colours() {
        #expect(colors(["TERM": "xterm-256color"]) == .palette)
        #expect(colors(["TERM": "xterm-256color", "COLORTERM": "truecolor"]) == .full)
        #expect(colors(["TERM": "xterm"]) == .basic)
        #expect(colors(["TERM": "linux"]) == .basic)
        #expect(colors(["TERM": "vt100"]) == .none)
        #expect(colors(["TERM": "dumb", "COLORTERM": "truecolor"]) == .none)
        #expect(colors(["TERM": "xterm-256color", "NO_COLOR": "1"]) == .none)
        #expect(colors(["TERM": "xterm-256color", "NO_COLOR": ""]) == .palette)
        #expect(colors(["TERM": "xterm-256color"], isTerminal: false) == .none)
        #expect(colors([:]) == .none)
    }

    @Test func liveViewsNeedATerminalThatCanMoveItsCursor() {
        #expect(Capabilities(environment: ["TERM": "xterm"], isTerminal: true).isAddressable)
        #expect(!Capabilities(environment: ["TERM": "xterm"], isTerminal: false).isAddressable)
        #expect(!Capabilities(environment: ["TERM": "dumb"], isTerminal: true).isAddressable)
        #expect(!Capabilities(environment: [:], isTerminal: true).isAddressable)
    }

    @Test func unicodeByTheLocale() {
        func unicode(_ environment: [String: String]) -> Bool {
            Capabilities(environment: environment, isTerminal: true).unicode
        }
        #expect(unicode(["LANG": "de_DE.UTF-8"]))
        #expect(unicode(["LC_ALL": "C.utf8", "LANG": "C"]))
        #expect(!unicode(["LC_ALL": "C", "LANG": "de_DE.UTF-8"]))
        #expect(unicode(["LC_ALL": "", "LC_CTYPE": "en_US.UTF-8"]))
        #expect(!unicode([:]))
    }
}
