import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct RefusalTests {
    @Test func refusesForbiddenNamesAndRunsNothing() {
        #expect(Fixtures.refusal("attack.th") == .forbiddenGlobal("posix.system"))
        #expect(Fixtures.refusal("object.th") == .forbiddenGlobal("pathlib.PosixPath"))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/msaas-attack"))
        #expect(CheckpointProblem.forbiddenGlobal("posix.system").description.contains("posix.system"))
    }

    @Test(arguments: ["hybrid.th", "hybrid.safetensors"])
    func refusesOtherModels(name: String) {
        #expect(Fixtures.refusal(name) == .modelClass("demucs.hdemucs.HDemucs"))
    }

    @Test(arguments: ["quantised.th", "structure.safetensors"])
    func refusesQuantisedWeights(name: String) { #expect(Fixtures.refusal(name) == .quantised) }

    @Test(arguments: [
        ("legacy.th", "before 1.6"), ("compressed.th", "compressed"), ("dtype.safetensors", "F8_E4M3"),
    ])
    func refusesWhatItDoesNotDo(name: String, word: String) {
        guard case .unsupported(let reason) = Fixtures.refusal(name) else {
            Issue.record("\(name): \(Fixtures.refusal(name)?.description ?? "opens")")
            return
        }
        #expect(reason.contains(word))
    }

    @Test(arguments: [
        "recursive.th", "doubling.th", "nested.th", "nested-tuples.th", "long-text.th", "other.th", "short-storage.th",
        "overlap.safetensors", "gap.safetensors", "beyond.safetensors", "backwards.safetensors", "shape.safetensors",
        "giant-shape.safetensors", "negative-shape.safetensors", "trailing.safetensors", "no-metadata.safetensors",
        "long-header.safetensors", "deep.safetensors", "make_fixtures.py",
    ])
    func refusesDamage(name: String) {
        guard case .malformed = Fixtures.refusal(name) else {
            Issue.record("\(name): \(Fixtures.refusal(name)?.description ?? "opens")")
            return
        }
    }

    /// The names of the sources become names of files.
    @Test(arguments: ["../../pwn", "/etc/pwn", "a/b", ".hidden", "-rf", "", "vo cals", "a\u{0}b", "é"])
    func refusesSourcesThatCannotBeNamesOfFiles(name: String) throws {
        let sources = try JSONEncoder().encode([["drums", name]])
        let metadata = [
            "klass": Checkpoint.supportedClass, "args": String(decoding: sources, as: UTF8.self), "kwargs": "{}",
        ]
        let header = try JSONEncoder().encode(["__metadata__": metadata])
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
        let error = #expect(throws: CheckpointError.self) {
            try Checkpoint(bytes: length + header, file: "pwn.safetensors")
        }
        guard case .malformed(let reason)? = error?.problem else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("name"))
        #expect(!reason.contains("pwn"))
    }

    @Test func refusesWhatIsNoFile() throws {
        let folder = try TemporaryDirectory()
        let empty = folder.url.appending(path: "empty.th")
        try Data().write(to: empty)
        for url in [empty, folder.url, folder.url.appending(path: "absent.th"), URL(filePath: "/dev/zero")] {
            #expect(throws: CheckpointError.self) { try Checkpoint(contentsOf: url) }
        }
    }
}
