/// Checks of names and signatures that come from users and files, before they become parts of paths.
enum ModelName {
    /// The name itself when it is a plain word that can be part of a file's name; an error otherwise.
    static func validated(_ name: String) throws -> String {
        guard isValid(name) else { throw ModelStoreError.invalidName(name) }
        return name
    }

    /// ASCII letters, digits, `_`, `-` and `.`, at most 100 of them, not beginning with a dot or a dash.
    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 100, first != UInt8(ascii: "."),
            first != UInt8(ascii: "-")
        else { return false }
        return name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }
}
