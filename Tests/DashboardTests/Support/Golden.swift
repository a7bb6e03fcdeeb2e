import Dashboard
import Foundation
import TestSupport
import Testing

/// Compares a picture with `Goldens/NAME.txt`. With `MSAAS_WRITE_GOLDENS=1` in the environment it writes the file: look
/// at the difference before it is committed.
func expect(_ picture: CellBuffer, matches name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Goldens/\(name).txt")
    let text = picture.rows.joined(separator: "\n") + "\n"
    if ProcessInfo.processInfo.environment["MSAAS_WRITE_GOLDENS"] == "1" {
        try Data(text.utf8).write(to: file)
    }
    guard let golden = try? String(contentsOf: file, encoding: .utf8) else {
        throw TestFailure("\(file.path) cannot be read")
    }
    #expect(
        text == golden, "Goldens/\(name).txt; MSAAS_WRITE_GOLDENS=1 writes it. The picture was:\n\(text)",
        sourceLocation: sourceLocation)
}
