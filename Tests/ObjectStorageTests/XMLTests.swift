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
