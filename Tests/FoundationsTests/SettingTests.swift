import EnvironmentSettings
import Foundation
import Testing

private struct Kitchen: Configurable, Equatable {
    var cooks = 2
    var oven: Oven = .gas
    var code = ""
    var space = 32 << 20
    var rest: Duration = .seconds(90)
    var dishes: [String]?
    var stove = Stove()

    enum Oven: String, CaseIterable { case gas, wood }

    struct Stove: Configurable, Equatable {
        var heat = 1.5
        static let usual = Stove()
        static var settings: [Setting<Stove>] { [Setting("HEAT", \.heat, .number(0...9.5, of: "flames"))] }
    }

    static let usual = Kitchen()
    static var settings: [Setting<Kitchen>] {
        [
            Setting("COOKS", \.cooks, .whole(1...9)), Setting("OVEN", \.oven, .choice),
            Setting("CODE", \.code, Form("a code of four digits") { $0.count == 4 ? $0 : nil }, isSecret: true),
            Setting("SPACE", \.space, .size(atLeast: 1 << 20)), Setting("REST", \.rest, .time),
            Setting("DISHES", \.dishes, .list("dishes"), otherwise: "whatever there is"),
        ] + Stove.settings.map { $0.within(\.stove) }
    }
}

@Suite struct SettingTests {
    @Test func everyFieldIsReadAndTheRestIsUsual() throws {
        #expect(try Kitchen.reading([:]) == Kitchen())
        #expect(try Kitchen.reading(["COOKS": "", "CODE": ""]) == Kitchen(), "a variable that is empty is not set")
        let kitchen = try Kitchen.reading([
            "COOKS": "9", "OVEN": "Wood", "CODE": "1234", "SPACE": "1.5MiB", "REST": "1.5m", "DISHES": "soup, fish",
            "HEAT": "3.25",
        ])
        #expect(
            kitchen
                == Kitchen(
                    cooks: 9, oven: .wood, code: "1234", space: 3 << 19, rest: .seconds(90), dishes: ["soup", "fish"],
                    stove: .init(heat: 3.25)))
    }

    @Test(arguments: [
        ("COOKS", "10", "COOKS is “10”; write a whole number from 1 to 9."),
        ("COOKS", "two", "COOKS is “two”; write a whole number from 1 to 9."),
        ("OVEN", "coal", "OVEN is “coal”; write one of gas, wood."),
        ("SPACE", "900K", "SPACE is “900K”; write a size of at least 1MiB, such as 600M or 32MiB."),
        ("REST", "90", "REST is “90”; write a time such as 500ms, 30s or 2m."),
        ("REST", "0s", "REST is “0s”; write a time such as 500ms, 30s or 2m."),
        ("DISHES", ",", "DISHES is “,”; write dishes, separated by commas."),
        ("HEAT", "nan", "HEAT is “nan”; write a number of flames from 0 to 9.5."),
        ("CODE", "hunter2", "CODE cannot be used; write a code of four digits."),
    ])
    func anErrorNamesVariableValueAndWhatToWrite(name: String, text: String, sentence: String) {
        let error = #expect(throws: ConfigurationError.self) { try Kitchen.reading([name: text]) }
        #expect(error?.description == sentence)
        #expect(error?.name == name)
        #expect(error?.value == (name == "CODE" ? nil : text))
    }

    /// Whoever sets a variable may be a stranger to the log that shows it.
    @Test func aValueForgesNoLine() {
        let text = "1\n2026-01-01 all is well" + String(repeating: "x", count: 100)
        let error = #expect(throws: ConfigurationError.self) { try Kitchen.reading(["COOKS": text]) }
        #expect(error?.description.contains("\n") == false && (error?.description.count ?? 0) < 150)
    }

    @Test func whatMustBeThereIsAskedFor() {
        struct Safe: Configurable {
            var key = ""
            static let usual = Safe()
            static var settings: [Setting<Safe>] { [Setting("KEY", \.key, .text("a key"), need: "the safe needs one")] }
        }
        for environment in [[:], ["KEY": ""]] {
            let error = #expect(throws: ConfigurationError.self) { try Safe.reading(environment) }
            #expect(error?.description == "KEY is not set; the safe needs one.")
        }
    }

    @Test func theManualFollows() {
        let rows = Kitchen.rows
        #expect(rows.map(\.name) == ["COOKS", "OVEN", "CODE", "SPACE", "REST", "DISHES", "HEAT"])
        #expect(rows.map(\.usual) == ["2", "gas", "", "32MiB", "90s", "whatever there is", "1.5"])
        #expect(rows[6].values == "a number of flames from 0 to 9.5")
    }

    @Test(arguments: [
        ("0", 0), ("123", 123), ("64KiB", 65_536), ("64Ki", 65_536), ("10MB", 10_000_000), ("10 M", 10_000_000),
        ("1.5GiB", 3 << 29), ("7B", 7),
    ])
    func sizes(text: String, bytes: Int) { #expect(Form.size.read(text) == bytes) }

    @Test(arguments: ["", "M", "-1", "1e9", "1.2.3M", "nan", "99999999999G", "9999999999.5G", "٣M", "1TiB", "5  M"])
    func whatIsNoSize(text: String) { #expect(Form.size.read(text) == nil) }

    @Test(arguments: [("500ms", 500), ("30s", 30_000), ("1.5m", 90_000), ("2min", 120_000), ("24h", 86_400_000)])
    func times(text: String, milliseconds: Int) {
        #expect(Form.time.read(text) == .milliseconds(milliseconds))
        #expect(Form.timeOrSeconds.read(text) == .milliseconds(milliseconds))
        #expect(Form.timeOrSeconds.read("90") == .seconds(90))
    }

    /// A default that README shows can be written as it stands.
    @Test func whatIsShownIsRead() {
        for bytes in [0, 1, 1000, 1024, 5 << 20, 3 << 30, (1 << 20) + 1] {
            #expect(Form.size.read(Form.size.show(bytes)) == bytes)
        }
        for milliseconds in [1, 500, 1000, 60_000, 90_000, 900_000, 86_400_000] {
            let time = Duration.milliseconds(milliseconds)
            #expect(Form.time.read(Form.time.show(time)) == time)
        }
    }
}
