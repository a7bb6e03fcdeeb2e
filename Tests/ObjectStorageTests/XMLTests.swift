import Foundation
import ObjectStorage
import Testing

@Suite struct XMLTests {
    @Test func parses() throws {
        let text = """
            <?xml version="1.0"?><s:A xmlns:s="urn:x"><s:B>1 &amp; 2 &#39;é</s:B><B><![CDATA[<3>]]></B><C/></s:A>
            """
        let tree = try XMLTree(parsing: Data(text.utf8))
        #expect(tree.name == "A")
        #expect(tree.all("B").map(\.text) == ["1 & 2 'é", "<3>"])
        #expect(tree.text("C") == "")
        #expect(tree["D"] == nil)
    }

    @Test func writesWhatItParses() throws {
        var xml = XMLWriter()
        let value = "a<b>&\"c\"'d'\t\né\u{1F3B5}"
        xml.element("Root", namespace: XMLWriter.s3) { $0.element("Key", value) }
        #expect(try XMLTree(parsing: Data(xml.text.utf8)).text("Key") == value)
    }

    @Test(
        arguments: [
            ("<a/>", ""), ("\u{FEFF}<a b='1' c=\"<\"/>", nil), ("<a b='&lt;' c=\"'>\" />", ""),
            ("<a>&#x41;&#233;&quot;&apos;&gt;</a>", "Aé\"'>"),
            ("<?xml version=\"1.0\"?><!-- <b> --><a>1<!-- > -->2<?p > ?>3</a >\n<!-- end -->", "123"),
            ("<a><![CDATA[]]]]><![CDATA[>&amp;]]></a>", "]]>&amp;"), ("<é:ü>x</é:ü>", "x"), ("<a:/>", nil),
            ("<:a/>", nil), ("<a:b:c/>", nil), ("<a:-b/>", nil),
            ("<a b/>", nil), ("<a b=c/>", nil), ("<a b='1'c='2'/>", nil), ("<a>&#0;</a>", nil),
            ("<a>&#xD800;</a>", nil),
            ("<a>&#x110000;</a>", nil), ("<a>&#99999999999;</a>", nil), ("<a>&amp</a>", nil), ("<a>&;</a>", nil),
            ("<a>&#;</a>", nil), ("<a>&#-1;</a>", nil), ("<1/>", nil), ("< a/>", nil), ("<a/>text", nil), ("<a", nil),
            ("<a/", nil), ("<![CDATA[x]]>", nil),
            ("<a><![CDATA[x</a>", nil), ("<!-- <a/>", nil), ("<?xml", nil), ("</a>", nil), ("<a>\u{1}</a>", nil),
        ] as [(String, String?)])
    func followsTheRules(text: String, content: String?) {
        #expect((try? XMLTree(parsing: Data(text.utf8)))?.text == content, "\(text)")
    }

    /// Found by fuzzing: a byte that is no UTF-8 in a name ended the process inside Foundation's parser.
    @Test func refusesNamesThatAreNoText() throws {
        for bytes: [UInt8] in [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0]] {
            let document = Data("<Err".utf8) + bytes + Data("r><Code>NoSuchKey</Code></Error>".utf8)
            #expect(throws: XMLProblem.self) { try XMLTree(parsing: document) }
        }
    }

    @Test func replacesWhatXMLCannotCarry() {
        #expect(XMLWriter.escape("a\u{1}\u{0}b") == "a\u{FFFD}\u{FFFD}b")
    }

    @Test(arguments: [
        "", "<", "<a>", "<a></b>", "text", "<a/><b/>", "<a>&nbsp;</a>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "<?xml version='1.0'?>\n<!DOCTYPE a><a/>",
        String(repeating: "<a>", count: 10_000) + String(repeating: "</a>", count: 10_000),
    ])
    func refuses(text: String) {
        #expect(throws: XMLProblem.self) { try XMLTree(parsing: Data(text.utf8)) }
    }

    @Test func refusesEntityBomb() {
        var text = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\">"
        for level in 1...9 {
            let inner = level == 1 ? "lol" : "lol\(level - 1)"
            text += "<!ENTITY lol\(level) \"\(String(repeating: "&\(inner);", count: 10))\">"
        }
        text += "]><lolz>&lol9;</lolz>"
        #expect(throws: XMLProblem.self) { try XMLTree(parsing: Data(text.utf8)) }
        let utf16 = text.data(using: .utf16LittleEndian) ?? Data()
        #expect(throws: XMLProblem.self) { try XMLTree(parsing: utf16) }
    }

    @Test func refusesTooManyElements() {
        let text = "<a>" + String(repeating: "<b/>", count: 200_000) + "</a>"
        #expect(throws: XMLProblem.self) { try XMLTree(parsing: Data(text.utf8)) }
    }
}
