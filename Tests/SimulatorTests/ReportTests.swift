import Foundation
import Policy
import Simulator
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct ReportTests {
    let trace = Trace(name: "two bursts", arrivals: (0..<24).map { .init(at: $0 < 12 ? 60 : 400, audio: 200) })

    private func report(_ name: String = "msaas") throws -> SimulationReport {
        var conditions = Conditions()
        conditions.podStartSpread = 0
        return try Simulation.run(trace, PolicyScaler(Settings(), name: name), conditions)
    }

    @Test func percentilesAreValuesThatOccurred() {
        let values = Percentiles((1...200).map(Double.init).shuffled())
        #expect(values.p50 == 100)
        #expect(values.p95 == 190)
        #expect(values.p99 == 198)
        #expect(values.max == 200)
        #expect(values.mean == 100.5)
        #expect(Percentiles([]).max == 0)
        #expect(Percentiles([3]).p50 == 3)
    }

    @Test func theTableIsAligned() throws {
        let lines = try "\(ReportTable([report(), report("a longer name")]))".split(separator: "\n")
        #expect(lines.count == 3)
        #expect(Set(lines.map(\.count)).count == 1)
        #expect(lines[0].hasPrefix("policy         wait p50"))
        #expect(lines[1].hasSuffix("      0"))
    }

    @Test func panelsShowBacklogAndWorkers() throws {
        let text = try TerminalPlot(width: 60).panels(report(), height: 3)
        #expect(text == Self.panels, "\(text)")
    }

    @Test(arguments: [1, 30, 80, 200])
    func noLineIsWiderThanTheTerminal(width: Int) throws {
        let plot = TerminalPlot(width: width)
        let text = try plot.panels(report()) + plot.comparison([report(), report("other")])
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= max(30, width) }, "\(text)")
    }

    @Test func thePictureIsWellFormedWhateverTheNames() throws {
        let names = ["msaas", "<script>&\"'", "\u{1}\u{FFFF}\u{0}]]>"]
        let document = SVGPlot(try names.map { try report($0) }).document
        let counter = ElementCounter()
        let parser = XMLParser(data: Data(document.utf8))
        parser.delegate = counter
        #expect(parser.parse(), "\(parser.parserError.debugDescription)")
        #expect(counter.elements["svg"] == 1)
        #expect(counter.elements["path"] == 6, "backlog and workers of each")
        #expect(counter.elements["script"] == nil)
        #expect(!document.contains("nan") && !document.contains("inf"))
    }

    @Test func aPictureOfNothingIsStillAPicture() {
        let parser = XMLParser(data: Data(SVGPlot([]).document.utf8))
        #expect(parser.parse())
    }

    @Test func reportsAreReadBackFromJSON() throws {
        let report = try report()
        let copy = try JSONDecoder().decode(SimulationReport.self, from: JSONEncoder().encode(report))
        #expect(copy.actions == report.actions)
        #expect(copy.series.workers == report.series.workers)
    }

    static let panels = """
        jobs waiting, at most 12
            12 ┤  █           ██
               ┤  █           ██
               ┤  █▄▂         ██▂
        workers, at most 12
            12 ┤  █████       ▄████
               ┤  █████       █████
               ┤  █████▂▂▂▂▂  █████▆▂▂▂▂
             0 └────────────────────────────────────────────────────
                0                    11 min 51 s         23 min 42 s

        """
}

private final class ElementCounter: NSObject, XMLParserDelegate {
    var elements: [String: Int] = [:]

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements[name, default: 0] += 1
    }
}
