import Kubernetes
import Testing

@Suite struct QuantityTests {
    @Test(arguments: [
        ("0", 0), ("128974848", 128_974_848), ("129e6", 129_000_000), ("129M", 129_000_000), ("123Mi", 128_974_848),
        ("600Mi", 629_145_600), ("1Gi", 1_073_741_824), ("1.5Gi", 1_610_612_736), ("16Gi", 17_179_869_184),
        ("2k", 2000),
        ("2Ki", 2048), ("1Ti", 1_099_511_627_776), ("1Pi", 1 << 50), ("1Ei", 1 << 60),
        ("1E", 1_000_000_000_000_000_000),
        ("1E3", 1000), ("1e3", 1000), ("1E+3", 1000), ("5000e-3", 5), ("128974848000m", 128_974_848), ("100m", 1),
        ("1100m", 2), ("-1100m", -1), ("+3", 3), (".5Gi", 536_870_912), ("1.", 1), ("1u", 1), ("1n", 1),
        ("0.000000000000000000000000001Ei", 1), ("9223372036854775807", .max), ("10E", .max), ("1e400", .max),
        ("1e-400", 1), ("0.1234567890123456789012345678901234567890123456789Ei", 142_335_986_942_043_634),
    ])
    func wholeUnitsRoundUp(text: String, value: Int) throws {
        #expect(try Quantity(text).value == value)
    }

    @Test func finePartsAreKept() throws {
        #expect(try Quantity("250m").nanos == 250_000_000)
        #expect(try Quantity("0.1").nanos == 100_000_000)
        #expect(try Quantity("1.1Ki").nanos == 1_126_400_000_000)
        #expect(try Quantity("3n").nanos == 3)
        #expect(try Quantity("0.5n").nanos == 1)
        #expect(try Quantity("1500u").description == "1500000n")
        #expect(try Quantity("1.5").description == "1500m")
    }

    @Test func differentNotationsAreEqual() throws {
        #expect(try Quantity("1Gi") == Quantity("1024Mi"))
        #expect(try Quantity("1000m") == Quantity("1"))
        #expect(try Quantity("4000Mi") < Quantity("6Gi"))
        #expect(try Quantity("6Gi") - Quantity("4000Mi") == Quantity("2144Mi"))
    }

    @Test(arguments: [
        "", "Mi", "1 Gi", "1GB", "1gi", "1e", "1.2.3", "--1", "0x10", "1e1.5", "１Gi", "e3", "1mi", "1e+-3",
    ])
    func othersAreRefused(text: String) {
        #expect(throws: KubernetesError.self) { try Quantity(text) }
    }
}
