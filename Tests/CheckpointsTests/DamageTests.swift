import Checkpoints
import Foundation
import Pacing
import Testing

/// Whatever a file holds, opening it and taking its tensors ends with values or with a `CheckpointError`.
@Suite struct DamageTests {
    /// Opens a checkpoint and takes all it has; an error of another kind is thrown on.
    @discardableResult
    private func use(_ bytes: some Collection<UInt8>) throws -> Bool {
        do {
            let checkpoint = try Checkpoint(bytes: bytes, file: "damaged")
            for name in checkpoint.tensors.names {
                _ = try checkpoint.tensors.take(name, shape: checkpoint.tensors.shape(of: name) ?? [])
            }
            try checkpoint.tensors.assertEmpty()
            return true
        } catch let error as CheckpointError {
            #expect(!error.description.isEmpty)
            return false
        }
    }

    @Test(arguments: ["tiny.th", "zip64.th", "tiny.safetensors", "fraction-text.th"])
    func truncationIsAlwaysAnError(name: String) throws {
        let bytes = try Fixtures.bytes(name)
        #expect(try use(bytes))
        for count in 0..<bytes.count { #expect(try !use(bytes.prefix(count)), "\(count) bytes") }
    }

    @Test(arguments: ["tiny.th", "zip64.th", "tiny.safetensors", "fraction-text.th"])
    func changedBytesNeverCrash(name: String) throws {
        var bytes = try Fixtures.bytes(name)
        for index in bytes.indices {
            let kept = bytes[index]
            for change: UInt8 in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                bytes[index] = kept ^ change
                try use(bytes)
            }
            bytes[index] = kept
        }
    }

    @Test(arguments: ["tiny.th", "tiny.safetensors", "fraction-text.th", "protocol5.th", "kinds.th"])
    func extremeNumbersNeverCrash(name: String) throws {
        let bytes = try Fixtures.bytes(name)
        for index in bytes.indices.dropLast(8) {
            for fill: UInt8 in [0x7f, 0xff] {
                for width in [4, 8] {
                    var changed = bytes
                    for offset in 0..<width { changed[index + offset] = fill }
                    try use(changed)
                }
            }
        }
    }

    @Test func randomDamageToWholeModelsNeverCrashes() throws {
        var random = SeededGenerator(seed: 1)
        for url in [try Fixtures.torch("model-fp16"), Fixtures.folder.appending(path: "model.safetensors")] {
            let bytes = [UInt8](try Data(contentsOf: url))
            for _ in 0..<150 {
                #expect(try !use(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random))))
                var changed = bytes
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    changed[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                try use(changed)
            }
        }
    }

    @Test func randomPicklesNeverCrash() throws {
        var random = SeededGenerator(seed: 2)
        let opcodes =
            [UInt8]("(.012NKMJGXBCqrhj)t]ae}sucQRb\u{0}".utf8) + [0x80, 0x81, 0x85, 0x86, 0x87, 0x88, 0x8a, 0x94, 0x93]
        var archive = try Fixtures.bytes("long-text.th")
        // The one record of this archive is the pickle; it is overwritten in place.
        let start = try #require(archive.firstRange(of: [0x80, 0x02, 0x58])?.lowerBound)
        for _ in 0..<10_000 {
            for index in 2..<11 { archive[start + index] = opcodes.randomElement(using: &random) ?? 0 }
            #expect(try !use(archive))
        }
    }
}
